import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { readdir, readFile, stat, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { temporaryDirectory } from "../../test/helpers/server.ts";
import type { RegistrySettings } from "../images/registry/registries.ts";
import { createDockerBuilder } from "../builds/docker.ts";
import { withRegistryAccess } from "./registry-access.ts";

const login = { username: "u", password: async () => "p:p" };
const auth = Buffer.from("u:p:p").toString("base64");
const registriesOf = (host: string, settings: RegistrySettings) => new Map([[host, settings]]);

test("credentials and authority are files for this user alone, and gone afterwards", async (t) => {
  const caFile = join(await temporaryDirectory(t), "company.pem");
  await writeFile(caFile, "authority");
  const registries = registriesOf("r.io:5000", { login, caFile });
  const files = await withRegistryAccess(registries, "r.io:5000/team/app:1", async (access) => {
    const { authFile = "", certificateDir = "", insecure } = access;
    assert.equal(insecure, false);
    assert.deepEqual(JSON.parse(await readFile(authFile, "utf8")), { auths: { "r.io:5000": { auth } } });
    assert.equal((await stat(authFile)).mode & 0o777, 0o600);
    assert.equal((await stat(dirname(authFile))).mode & 0o777, 0o700);
    assert.deepEqual(await readdir(certificateDir), ["ca.crt"]);
    assert.equal(await readFile(join(certificateDir, "ca.crt"), "utf8"), "authority");
    return [authFile, certificateDir];
  });
  assert.deepEqual(
    files.filter((file) => existsSync(file)),
    [],
  );
});

test("Docker Hub's credentials are under both of its names", async () => {
  await withRegistryAccess(registriesOf("docker.io", { login }), "python:3.11", async ({ authFile = "" }) => {
    const { auths } = JSON.parse(await readFile(authFile, "utf8")) as { auths: object };
    assert.deepEqual(Object.keys(auths), ["docker.io", "https://index.docker.io/v1/"]);
  });
});

test("what the settings do not name is left to the engine", async () => {
  const registries = registriesOf("r.io", { login, insecure: true });
  const access = await withRegistryAccess(registries, "other.io/app", async (given) => given);
  assert.deepEqual(access, { insecure: false });
});

test("a registry on localhost speaks plain HTTP, unless the settings say otherwise", async () => {
  const insecure = async (host: string, settings: RegistrySettings = {}) =>
    (await withRegistryAccess(registriesOf(host, settings), `${host}/team/app:1`, async (given) => given))
      .insecure;
  for (const host of ["localhost:5000", "127.0.0.1:5000"]) {
    assert.equal(await insecure(host), true, host);
    assert.equal(await insecure(host, { insecure: false }), false, host);
  }
  assert.equal(await insecure("registry.example.com:5000"), false);
});

test("docker is given credentials as its configuration, and its daemon's part is told", async (t) => {
  const program = join(await temporaryDirectory(t), "docker");
  const said = "Get https://r.io/v2/: http: server gave HTTP response to HTTPS client";
  // As much of docker as a pull needs: it shows the configuration that it was given, and fails.
  await writeFile(
    program,
    `#!/bin/sh
case $1 in
version) echo 20.10.1 20.10.1 amd64 ;;
buildx) exit 1 ;;
--config) cat "$2/config.json" && echo && echo '${said}' >&2 && exit 1 ;;
esac
`,
    { mode: 0o755 },
  );
  const builder = await createDockerBuilder({ program, registries: registriesOf("r.io", { login }) });
  const lines: string[] = [];
  await assert.rejects(builder.pull("r.io/team/app:1", { onLog: (line) => lines.push(line) }), {
    code: "REGISTRY_UNREACHABLE",
    hint: 'The registry speaks plain HTTP: list r.io under "insecure-registries" in /etc/docker/daemon.json and restart docker.',
  });
  assert.ok(lines.includes(JSON.stringify({ auths: { "r.io": { auth } } })), lines.join("\n"));
});
