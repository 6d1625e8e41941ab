import assert from "node:assert/strict";
import { test } from "node:test";
import { hasBegun, parseProbe } from "./parse-probe.ts";

/** Lines of a probe without the nonce. */
function frames(text: string): { key: string; value: string }[] {
  return text
    .trim()
    .split("\n")
    .map((line) => line.trim())
    .map((line) => ({ key: line.split(" ")[0] ?? "", value: line.split(" ").slice(1).join(" ") }));
}

const VENV = frames(`
  begin sh
  uid 1000
  gid 1000
  name app
  home yes /home/app
  workdir no /srv/my app
  path /opt/venv/bin:/usr/bin
  env CUDA_VERSION=12.4.1
  program a0 /opt/venv/bin/a0
  program a0 /usr/bin/a0
  program tar /usr/bin/tar
  a0 #!/opt/venv/bin/python3
  a0 # -*- coding: utf-8 -*-
  os VERSION_ID="12"
  os ID=debian
  ca /etc/ssl/certs/ca-certificates.crt
  libc glibc
  cuda 12.4
  cuda 11
  node-path /usr/bin/node
  node version=24.1.0
  node boxkite=0.1.0
  node workers=1
  python-path /opt/venv/bin/python
  python-path /opt/venv/bin/python
  python version=3.11.7
  python prefix=/opt/venv
  python basePrefix=/usr/local
  python a0=yes
  python libc=glibc 2.36
  packages flyte=2.12.1 pydantic=2.14.4
  packages protobuf=7.36.2
  python-path /usr/bin/python3
  end
`);

test("facts are read from the lines of a probe", () => {
  assert.ok(hasBegun(VENV));
  assert.deepEqual(parseProbe(VENV), {
    complete: true,
    user: { uid: 1000, gid: 1000, name: "app" },
    home: { path: "/home/app", writable: true },
    workdir: { path: "/srv/my app", writable: false },
    path: "/opt/venv/bin:/usr/bin",
    env: { CUDA_VERSION: "12.4.1" },
    programs: { a0: "/opt/venv/bin/a0", tar: "/usr/bin/tar" },
    pythons: [
      {
        path: "/opt/venv/bin/python",
        version: "3.11.7",
        libc: "glibc 2.36",
        prefix: "/opt/venv",
        basePrefix: "/usr/local",
        hasA0: true,
        packages: { flyte: "2.12.1", pydantic: "2.14.4", protobuf: "7.36.2" },
      },
      { path: "/usr/bin/python3", hasA0: false, packages: {} },
    ],
    node: { path: "/usr/bin/node", version: "24.1.0", boxkite: "0.1.0", workers: 1 },
    a0Interpreter: "/opt/venv/bin/python3",
    caBundle: "/etc/ssl/certs/ca-certificates.crt",
    libc: "glibc",
    os: "debian 12",
    cuda: ["12.4"],
  });
});

test("the interpreter of a0 is read from every form of a first line", () => {
  const rows: readonly [first: string, second: string, expected: string | undefined][] = [
    ["#!/opt/venv/bin/python3", "", "/opt/venv/bin/python3"],
    ["#!/usr/bin/env python3", "", "python3"],
    ["#!/bin/sh", `'''exec' "/a/very long/bin/python" "$0" "$@"`, undefined],
    ["#!/bin/sh", `'''exec' /a/very/long/bin/python3 "$0" "$@"`, "/a/very/long/bin/python3"],
    ["\u007fELF\u0002", "", undefined],
  ];
  for (const [first, second, expected] of rows) {
    const facts = parseProbe([
      { key: "a0", value: first },
      { key: "a0", value: second },
    ]);
    if (expected !== undefined || first !== "#!/bin/sh") assert.equal(facts.a0Interpreter, expected, first);
  }
});

test("what is no fact is dropped, and numbers of entries are bounded", () => {
  const facts = parseProbe([
    { key: "uid", value: "1e9" },
    { key: "gid", value: "-1" },
    { key: "workdir", value: "perhaps /app" },
    { key: "program", value: "nonsense" },
    { key: "__proto__", value: "polluted" },
    { key: "program", value: "__proto__ /bin/x" },
    { key: "python", value: "version=3.11.7" },
    ...Array.from({ length: 500 }, (_, index) => ({ key: "python-path", value: `/opt/${index}/bin/python` })),
    { key: "cuda", value: "../../etc" },
  ]);
  assert.equal(facts.user, undefined);
  assert.equal(facts.workdir, undefined);
  assert.equal(facts.pythons.length, 64);
  assert.equal(facts.complete, false);
  assert.deepEqual(facts.cuda, []);
  assert.deepEqual(Object.keys(facts.programs), ["__proto__"]);
  assert.equal(({} as Record<string, unknown>)["polluted"], undefined);
  assert.equal(hasBegun([{ key: "end", value: "" }]), false);
});
