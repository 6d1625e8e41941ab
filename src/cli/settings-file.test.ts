import assert from "node:assert/strict";
import { copyFile, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { makeAuthority } from "../../test/helpers/private-authority.ts";
import { BoxkiteError } from "../domain/errors.ts";
import { readSettingsFile, SETTING_NAMES } from "./settings-file.ts";

async function setUp(t: TestContext, files: Record<string, string> = {}) {
  const directory = await mkdtemp(join(tmpdir(), "boxkite-settings-"));
  t.after(() => rm(directory, { recursive: true, force: true }));
  for (const [name, text] of Object.entries(files)) await writeFile(join(directory, name), text);
  const config = join(directory, "boxkite.yaml");
  return {
    directory,
    read: async (text: string, env: NodeJS.ProcessEnv = {}) => {
      await writeFile(config, text);
      return readSettingsFile({ values: { config }, positionals: [], env });
    },
  };
}

test("registries and containers are read; file names begin at the file", async (t) => {
  const { directory, read } = await setUp(t, { "token.txt": "t0p:secret\n" });
  await makeAuthority(directory);
  const settings = await read(
    `
port: 1234
registries:
  registry.example.com:
    username: ci
    password-file: token.txt
    ca-file: ca.crt
  registry.lab:5000:
    username: lab
    password-env: LAB_PASSWORD
    insecure: true
  index.docker.io: {}
containers:
  certificates: true
`,
    { LAB_PASSWORD: "x y" },
  );
  assert.equal(settings.values.port, 1234);
  assert.deepEqual(settings.containers, { certificates: true, proxy: false });
  assert.deepEqual(
    [...settings.registries.keys()],
    ["registry.example.com", "registry.lab:5000", "docker.io"],
  );
  const first = settings.registries.get("registry.example.com");
  assert.equal(first?.caFile, join(directory, "ca.crt"));
  assert.equal(first?.login?.username, "ci");
  assert.equal(await first?.login?.password(), "t0p:secret");
  const second = settings.registries.get("registry.lab:5000");
  assert.equal(second?.insecure, true);
  assert.equal(await second?.login?.password(), "x y");
});

test("a part of a registry may be named before the registry, and has no settings of its own but projects", async (t) => {
  const { read } = await setUp(t);
  const { registries } = await read(
    "registries: {a.io/t/x: {projects: [p]}, a.io: {insecure: true}, a.io/t: {projects: [q]}, docker.io/t: {projects: [r]}}",
  );
  assert.deepEqual(
    [...registries].map(([host, { insecure, repositories }]) => [host, insecure, [...(repositories ?? [])]]),
    [
      [
        "a.io",
        true,
        [
          ["t/x", ["p"]],
          ["t", ["q"]],
        ],
      ],
      ["docker.io", undefined, [["t", ["r"]]]],
    ],
  );
});

test("the documentation's example has every setting, and is one", async (t) => {
  const { directory, read } = await setUp(t, { "registry-password": "x" });
  const { caFile } = await makeAuthority(directory);
  await copyFile(caFile, join(directory, "company-ca.pem"));
  const text = await readFile(join(import.meta.dirname, "../../docs/configuration.md"), "utf8");
  const settings = await read(/```yaml\n([^]*?)```/u.exec(text)?.[1] ?? "");
  assert.deepEqual(
    [...Object.keys(settings.values), "python", "tls-self-signed", "insecure-no-auth"].toSorted(),
    [...SETTING_NAMES].toSorted(),
  );
  assert.deepEqual(settings.containers, { certificates: true, proxy: true });
  assert.deepEqual(settings.policy.settings, {
    noNewPrivileges: true,
    addCapabilities: [],
    dropCapabilities: [],
    maxProcesses: 4096,
    memoryLimit: true,
    readOnlyRoot: false,
    egress: "all",
    isolation: "runsc",
  });
  assert.deepEqual(Object.fromEntries(settings.policy.templates), {
    debug: { noNewPrivileges: false, addCapabilities: ["SYS_PTRACE"] },
    closed: { readOnlyRoot: true, writable: ["/app"], dropCapabilities: ["ALL"], egress: "none" },
  });
  assert.deepEqual([...settings.sharedPorts], [[15_432, 5_432]]);
  assert.ok(settings.egress.allowsAddress("10.20.1.1"));
  assert.ok(settings.egress.allowsHost(new URL("http://localhost:8080/")));
  assert.deepEqual(settings.quotas, {
    liveRuns: 10_000,
    startedRuns: 1_000,
    depth: 20,
    callsPerSecond: 500,
    storedBytes: 2 ** 39,
  });
  const scope = ["team-a", "team-b/production"];
  assert.deepEqual([...settings.secrets], [["BOXKITE_BUILD_SECRET_INDEX_TOKEN", scope]]);
  assert.deepEqual(settings.registries.get("registry.example.com")?.projects, scope);
  assert.deepEqual(
    [...(settings.registries.get("registry.example.com")?.repositories ?? [])],
    [["team-c", ["team-c"]]],
  );
  const [first, second] = settings.registries.values();
  assert.ok(first?.login !== undefined && first.caFile !== undefined && second?.insecure === true);
});

test("a password that is renewed counts at its next use", async (t) => {
  const { directory, read } = await setUp(t, { password: "old" });
  const { registries } = await read("registries: {r.io: {username: u, password-file: password}}");
  await writeFile(join(directory, "password"), "new\n");
  assert.equal(await registries.get("r.io")?.login?.password(), "new");
});

test("without a file nothing is set", async () => {
  const { values, registries, containers } = await readSettingsFile({ values: {}, positionals: [], env: {} });
  assert.deepEqual([values, registries.size, containers], [{}, 0, { certificates: false, proxy: false }]);
});

test("what is wrong is refused by name", async (t) => {
  const { read } = await setUp(t, { empty: "", text: "hello" });
  const rows: readonly [string, RegExp][] = [
    ["registry: {}", /unknown settings: registry$/u],
    ["secrets: [a]", /^secrets is not a mapping/u],
    ["secrets: {a: {}}", /^secrets: a: projects is not set/u],
    ["secrets: {a: {projects: []}}", /^secrets: a: projects is \[\]/u],
    ["secrets: {a: {value: x}}", /^secrets: a has unknown settings: value/u],
    ["secrets: {a: {projects: [p/qa]}}", /^secrets: a: projects is \["p\/qa"\]/u],
    ["secrets: {a-b: {projects: [p]}, A_B: {projects: [p]}}", /^secrets names A_B twice/u],
    ["registries: {a.io: {projects: team}}", /^registries: a\.io: projects is "team"/u],
    ["registries: [a.io]", /^registries is not a mapping/u],
    ["registries: {a.io: yes}", /^registries: a\.io is not a mapping/u],
    ["registries: {team: {}}", /^registries: team is no registry host/u],
    ["registries: {a.io/team: {}}", /^registries: a\.io\/team: projects is not set/u],
    ["registries: {a.io/t: {projects: ['*']}, a.io/t/: {}}", /^registries: a\.io\/t\/ is no registry host/u],
    ["registries: {a.io/t: {username: u}}", /^registries: a\.io\/t has unknown settings: username$/u],
    ["registries: {a.io/T: {projects: ['*']}}", /^registries: a\.io\/T is no registry host/u],
    ["registries: {'https://a.io': {}}", /^registries: https:\/\/a\.io is no registry host/u],
    ["registries: {docker.io: {}, index.docker.io: {}}", /names docker\.io twice/u],
    ["registries: {a.io: {user: x}}", /^registries: a\.io has unknown settings: user$/u],
    ["registries: {a.io: {username: u, password: p}}", /^registries: a\.io has a password in the file/u],
    ["registries: {a.io: {username: 7, password-env: P}}", /^registries: a\.io: username is 7/u],
    ["registries: {a.io: {password-env: P}}", /^registries: a\.io has a password and no username/u],
    ["registries: {a.io: {username: u}}", /^registries: a\.io has a username, and needs one of/u],
    ["registries: {a.io: {username: u, password-env: P, password-file: text}}", /needs one of/u],
    ["registries: {a.io: {username: u, password-env: P}}", /password-env names P, which is not set/u],
    ["registries: {a.io: {username: u, password-file: none}}", /password-file names .*none, which cannot/u],
    [
      "registries: {a.io: {username: u, password-file: empty}}",
      /password-file names .*empty, which is empty/u,
    ],
    ["registries: {a.io: {insecure: 1}}", /^registries: a\.io: insecure is 1; it must be true or false/u],
    [
      "registries: {a.io: {ca-file: none}}",
      /^registries: a\.io: ca-file names .*none, which cannot be read/u,
    ],
    [
      "registries: {a.io: {ca-file: text}}",
      /^registries: a\.io: ca-file names .*text, which is no certificate/u,
    ],
    [
      "registries: {a.io: {ca-file: text, insecure: true}}",
      /^registries: a\.io is insecure, so its ca-file/u,
    ],
    ["containers: {proxies: true}", /^containers has unknown settings: proxies$/u],
    ["containers: {proxy: 'http://p:1'}", /^containers: proxy is "http:\/\/p:1"; it must be true or false/u],
  ];
  for (const [text, message] of rows) {
    await assert.rejects(read(text), (error) => {
      assert.ok(error instanceof BoxkiteError, `${text}: ${String(error)}`);
      assert.equal(error.code, "CONFIG_INVALID");
      assert.match(error.message, message);
      return true;
    });
  }
});

test("what holds containers in is checked when the file is read, by the name of the setting", async (t) => {
  const { read } = await setUp(t);
  const wrong: readonly (readonly [string, RegExp])[] = [
    ["containers: {privileged: true}", /containers has unknown settings: privileged/u],
    ["containers: {seccomp: unconfined}", /unknown settings: seccomp/u],
    ["containers: {add-capabilities: SYS_PTRACE}", /containers: add-capabilities is not a list/u],
    ["containers: {add-capabilities: [CAP_SYS_PTRACE]}", /add-capabilities has "CAP_SYS_PTRACE"/u],
    ["containers: {max-processes: 0}", /containers: max-processes is 0/u],
    ["containers: {egress: some}", /egress is "some"; it must be all or none/u],
    ["containers: {isolation: /usr/bin/runc}", /must be the name of an OCI runtime/u],
    ["pod-templates: {a: {writable: [app]}}", /pod-templates: a: writable has "app"/u],
    ['pod-templates: {a: {writable: ["/a/../b"]}}', /writable has "\/a\/\.\.\/b"/u],
    ["pod-templates: {a b: {}}", /pod-templates: a b is no name of a template/u],
    ["pod-templates: {a: {certificates: true}}", /pod-templates: a has unknown settings: certificates/u],
  ];
  for (const [text, message] of wrong)
    await assert.rejects(
      read(text),
      (error) =>
        error instanceof BoxkiteError && error.code === "CONFIG_INVALID" && message.test(error.message),
      text,
    );
});

test("networks and egress of containers", async (t) => {
  const { read } = await setUp(t);
  const closed = await read("containers: {egress: none, shared-network: false}");
  assert.deepEqual([closed.policy.settings, closed.networks], [{ egress: "none" }, {}]);
  assert.deepEqual((await read("containers: {shared-network: true}")).networks, { shared: true });
});
