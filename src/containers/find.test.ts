import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type ServerResponse } from "node:http";
import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { until } from "../../test/helpers/until.ts";
import { steppedClock } from "../../test/helpers/stepped-clock.ts";
import { startFakeEngine } from "../../test/executors/fake-engine.ts";
import { BoxkiteError } from "../domain/errors.ts";
import { createLogger, silentLogger } from "../lib/log.ts";
import { formatEngineAddress, parseEngineAddress } from "./address.ts";
import { findEngine, type FindEngineOptions } from "./find.ts";

async function emptyHome(t: TestContext): Promise<string> {
  const home = await mkdtemp(join(tmpdir(), "boxkite-home-"));
  t.after(() => rm(home, { recursive: true, force: true }));
  return home;
}

/** macOS has the fewest sources of its own, so a test decides what is there. */
const find = (options: Partial<FindEngineOptions>) =>
  findEngine({
    preference: "auto",
    log: silentLogger,
    platform: "darwin",
    home: "/nowhere",
    uid: 501,
    env: { PATH: "" },
    ...options,
  });

test("a variable wins, and what it names is used whichever engine it is", async (t) => {
  const docker = await startFakeEngine(t, () => ({}), "docker");
  const podman = await startFakeEngine(t, () => ({}), "podman");
  const env = { PATH: "", CONTAINER_HOST: `unix://${podman.socketPath}`, DOCKER_HOST: docker.socketPath };
  const first = await find({ env });
  assert.deepEqual([first.how, first.api.engine], ["CONTAINER_HOST", "podman"]);
  await first.close();
  const second = await find({ env, preference: "docker" });
  assert.deepEqual([second.how, second.api.engine], ["DOCKER_HOST", "docker"]);
  assert.match(second.passedOver.join("\n"), /CONTAINER_HOST: podman answers there, not docker/);
  await second.close();
});

test("a variable that leads nowhere is an error; nothing else is used in its stead", async () => {
  await assert.rejects(find({ env: { PATH: "", DOCKER_HOST: "unix:///no/such.sock" } }), (error: unknown) => {
    assert.ok(error instanceof BoxkiteError && error.code === "ENGINE_UNREACHABLE");
    assert.match(error.message, /DOCKER_HOST is set, but .*\/no\/such\.sock/);
    assert.match(error.hint ?? "", /unset DOCKER_HOST/);
    return true;
  });
  await assert.rejects(find({ env: { PATH: "", DOCKER_HOST: "ssh://host" } }), { code: "CONFIG_INVALID" });
});

test("an engine that is slow to answer is waited for, which is said after 5 s; one that hangs is not", async (t) => {
  const asked: ServerResponse[] = [];
  const arrived = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const server = createServer((_, response) => arrived[asked.push(response) - 1]?.resolve());
  const socketPath = join(await emptyHome(t), "engine.sock");
  await once(server.listen(socketPath), "listening");
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  const clock = steppedClock();
  const lines: string[] = [];
  const log = createLogger({ write: (line) => lines.push(line) });
  const env = { PATH: "", DOCKER_HOST: socketPath };

  const slow = find({ env, log, clock });
  await arrived[0]?.promise;
  await clock.step(4_999);
  assert.deepEqual(lines, []);
  await clock.step(20_001);
  assert.match(lines.join(""), /waiting for the container engine.*engine\.sock/u);
  asked[0]?.end(JSON.stringify({ Version: "27.0", ApiVersion: "1.47" }));
  await (await slow).close();
  assert.equal(clock.pending, 0);

  const hung = find({ env, clock });
  await arrived[1]?.promise;
  await Promise.all([
    assert.rejects(hung, { code: "ENGINE_UNREACHABLE", message: /does not answer/u }),
    clock.step(60_000),
  ]);
});

test("an engine that hangs does not hide the next one; where there is no other, it is waited for", async (t) => {
  const home = await emptyHome(t);
  const asked: ServerResponse[] = [];
  const arrived = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const hung = createServer((_, response) => arrived[asked.push(response) - 1]?.resolve());
  await mkdir(join(home, "podman"));
  await once(hung.listen(join(home, "podman", "podman.sock")), "listening");
  t.after(() => {
    hung.closeAllConnections();
    hung.close();
  });
  const clock = steppedClock();
  const options = { home, platform: "linux", env: { PATH: "", XDG_RUNTIME_DIR: home }, clock } as const;

  const docker = await startFakeEngine(t, () => ({}), "docker");
  await mkdir(join(home, ".docker", "run"), { recursive: true });
  const link = join(home, ".docker", "run", "docker.sock");
  await symlink(docker.socketPath, link);
  const first = find(options);
  await arrived[0]?.promise;
  await clock.step(5_000);
  const found = await first;
  assert.equal(found.api.engine, "docker");
  // The one that hangs is given up beside it.
  await until(async () => clock.pending === 0);
  await found.close();

  await rm(link);
  const only = find({ ...options, preference: "podman" });
  await arrived[1]?.promise;
  await clock.step(30_000);
  asked[1]?.end(
    JSON.stringify({ Version: "5.0", ApiVersion: "1.41", Components: [{ Name: "Podman Engine" }] }),
  );
  const late = await only;
  assert.equal(late.api.engine, "podman");
  await late.close();
});

test("docker's socket in the home directory is found", async (t) => {
  const home = await emptyHome(t);
  const fake = await startFakeEngine(t, () => ({}));
  await mkdir(join(home, ".docker", "run"), { recursive: true });
  await symlink(fake.socketPath, join(home, ".docker", "run", "docker.sock"));
  const found = await find({ home, preference: "docker" });
  assert.equal(found.api.engine, "docker");
  await found.close();
});

test("rootless podman's socket is found before docker's", async (t) => {
  const runtime = await emptyHome(t);
  const podman = await startFakeEngine(t, () => ({}), "podman");
  await mkdir(join(runtime, "podman"));
  await symlink(podman.socketPath, join(runtime, "podman", "podman.sock"));
  const found = await find({ platform: "linux", env: { PATH: "", XDG_RUNTIME_DIR: runtime } });
  assert.match(found.how, /^podman at .*podman\.sock$/);
  await found.close();
});

test("without an engine the error has the reason of every source, and the hint is for this system", async (t) => {
  const home = await emptyHome(t);
  await assert.rejects(find({ home, preference: "podman", platform: "darwin" }), (error: unknown) => {
    assert.ok(error instanceof BoxkiteError && error.code === "ENGINE_UNREACHABLE");
    for (const part of [
      "no podman was found",
      "CONTAINER_HOST: not set",
      "podman machine: podman is not installed",
    ]) {
      assert.ok(error.message.includes(part), error.message);
    }
    assert.match(error.hint ?? "", /brew install podman/);
    return true;
  });
});

test("a podman whose service does not start tells what it wrote", async (t) => {
  const home = await emptyHome(t);
  await writeFile(join(home, "podman"), "#!/bin/sh\necho 'storage is broken' >&2\nexit 125\n", {
    mode: 0o755,
  });
  const options = {
    home,
    preference: "podman",
    platform: "linux",
    env: { PATH: home, XDG_RUNTIME_DIR: home },
  } as const;
  await assert.rejects(find(options), /did not start: storage is broken/);
});

test("addresses are read as the engines write them", () => {
  const cases = {
    "unix:///a/b.sock": undefined,
    "/a/b.sock": "unix:///a/b.sock",
    "tcp://h:1": undefined,
    "tcp://h": "tcp://h:2375",
    "tcp://[::1]:5": undefined,
  };
  for (const [text, expected] of Object.entries(cases)) {
    assert.equal(formatEngineAddress(parseEngineAddress(text, "X")), expected ?? text);
  }
  assert.throws(() => parseEngineAddress("npipe:////./pipe/x", "X"), { code: "CONFIG_INVALID" });
});
