import assert from "node:assert/strict";
import { chmod, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { test, type TestContext } from "node:test";
import { BoxkiteError } from "../../domain/errors.ts";
import { createCredentialSource, registryAuthHeader } from "./credentials.ts";

const basic = (user: string, password: string) => ({
  auth: Buffer.from(`${user}:${password}`).toString("base64"),
});
const password = (username: string, secret: string) => ({ kind: "password", username, password: secret });

async function setUp(t: TestContext, files: Record<string, unknown>) {
  const home = await mkdtemp(join(tmpdir(), "boxkite-credentials-"));
  t.after(() => rm(home, { recursive: true, force: true }));
  for (const [name, content] of Object.entries(files)) {
    await mkdir(dirname(join(home, name)), { recursive: true });
    await writeFile(join(home, name), typeof content === "string" ? content : JSON.stringify(content));
  }
  // No user has this id, so that a login on the testing machine is not found.
  return { home, uid: 3_999_999_999, env: { PATH: join(home, "bin"), XDG_RUNTIME_DIR: join(home, "run") } };
}

test("logins of docker and podman are found, the configured one first", async (t) => {
  const setting = await setUp(t, {
    ".docker/config.json": {
      auths: {
        "a.io": basic("docker", "d:d"),
        "b.io": basic("docker", "d"),
        "https://index.docker.io/v1/": basic("hub", "h"),
      },
    },
    "run/containers/auth.json": {
      auths: { "a.io": basic("podman", "p"), "a.io/team/app": basic("team", "t") },
    },
    "other.json": { auths: { "c.io": basic("file", "f") } },
  });
  const source = createCredentialSource({
    ...setting,
    registries: new Map([["z.io", { login: { username: "u", password: async () => "z" } }]]),
  });
  assert.deepEqual(await source("a.io", "x"), password("podman", "p"));
  assert.deepEqual(await source("a.io", "team/app"), password("team", "t"));
  assert.deepEqual(await source("b.io", "x"), password("docker", "d"));
  assert.deepEqual(await source("docker.io", "library/x"), password("hub", "h"));
  assert.deepEqual(await source("z.io", "x"), password("u", "z"));
  assert.equal(await source("c.io", "x"), undefined);
  const named = createCredentialSource({
    ...setting,
    env: { ...setting.env, REGISTRY_AUTH_FILE: join(setting.home, "other.json") },
  });
  assert.deepEqual(await named("c.io", "x"), password("file", "f"));
});

test("credential helpers are asked, for one host or for all; one that fails is no error", async (t) => {
  const helper = (answer: string) => `#!/bin/sh\nread -r server\n${answer}\n`;
  const setting = await setUp(t, {
    ".docker/config.json": { credHelpers: { "a.io": "one", "gone.io": "not-installed" }, credsStore: "all" },
    "bin/docker-credential-one": helper(`echo '{"Username":"<token>","Secret":"'$server'"}'`),
    "bin/docker-credential-all": helper(
      `case $server in b.io) echo '{"Username":"u","Secret":"s"}';; *) echo "not found"; exit 1;; esac`,
    ),
  });
  for (const name of ["one", "all"])
    await chmod(join(setting.home, "bin", `docker-credential-${name}`), 0o755);
  const source = createCredentialSource(setting);
  assert.deepEqual(await source("a.io", "x"), { kind: "identity", token: "a.io" });
  assert.deepEqual(await source("b.io", "x"), password("u", "s"));
  const timers = () => process.getActiveResourcesInfo().filter((kind) => kind === "Timeout").length;
  const before = timers();
  assert.equal(await source("gone.io", "x"), undefined);
  assert.ok(timers() <= before, "a helper that is not there holds nothing up");
});

test("a broken file is named", async (t) => {
  const setting = await setUp(t, { ".docker/config.json": "{" });
  await assert.rejects(
    createCredentialSource(setting)("a.io", "x"),
    (error: unknown) =>
      error instanceof BoxkiteError &&
      error.code === "CONFIG_INVALID" &&
      error.message.includes("config.json"),
  );
});

test("the engine gets credentials in the form it wants", () => {
  const decode = (text: string): unknown => JSON.parse(Buffer.from(text, "base64url").toString());
  assert.deepEqual(decode(registryAuthHeader({ kind: "password", username: "u", password: "p" }, "a.io")), {
    username: "u",
    password: "p",
    serveraddress: "a.io",
  });
  assert.deepEqual(decode(registryAuthHeader({ kind: "identity", token: "t" }, "a.io")), {
    identitytoken: "t",
    serveraddress: "a.io",
  });
  // Podman refuses a header whose length is no multiple of four.
  for (const password of ["p", "pp", "ppp", "?>~\u00ff"]) {
    const header = registryAuthHeader({ kind: "password", username: "u", password }, "a.io");
    assert.match(header, /^(?:[\w-]{4})*(?:[\w-]{4}|[\w-]{3}=|[\w-]{2}==)$/u);
    assert.equal((decode(header) as { password: string }).password, password);
  }
});
