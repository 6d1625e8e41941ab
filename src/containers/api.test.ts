import assert from "node:assert/strict";
import { test } from "node:test";
import { ANSWERED, startFakeEngine, status, type FakeAnswer } from "../../test/executors/fake-engine.ts";
import { BoxkiteError } from "../domain/errors.ts";
import { connectEngine } from "./api.ts";
import { EngineResponseError } from "./http.ts";
import type { TestContext } from "node:test";

async function connected(t: TestContext, answer: FakeAnswer, engine: "podman" | "docker" = "docker") {
  const fake = await startFakeEngine(t, answer, engine);
  const api = await connectEngine({ kind: "unix", socketPath: fake.socketPath });
  t.after(() => api.close());
  return { fake, api };
}

test("the engine says who it is; newer versions of the API are not asked for", async (t) => {
  for (const engine of ["podman", "docker"] as const) {
    const { api } = await connected(t, () => ({}), engine);
    assert.deepEqual([api.engine, api.version, api.onThisMachine], [engine, "9.9", true]);
  }
});

test("a user's own podman tells which limits it was given, and how many ids", async (t) => {
  const compatible = { Rootless: true, MemoryLimit: true, CpuCfsQuota: true, Driver: "overlay" };
  const own = {
    host: { cgroupControllers: ["memory", "pids"], idMappings: { uidmap: [{ size: 1 }, { size: 65536 }] } },
  };
  const answer: FakeAnswer = ({ path }) => (path.endsWith("/libpod/info") ? own : compatible);
  const { api } = await connected(t, answer, "podman");
  const { rootless, limits, userIds } = await api.info();
  assert.deepEqual([rootless, limits, userIds], [true, { cpu: false, memory: true, pids: true }, 65_537]);

  const docker = await connected(t, () => ({ MemoryLimit: false, CpuCfsQuota: true }));
  assert.deepEqual((await docker.api.info()).limits, { cpu: true, memory: false, pids: true });
});

test("a missing socket is ENGINE_UNREACHABLE with a hint, an aborted call is the abort", async (t) => {
  await assert.rejects(connectEngine({ kind: "unix", socketPath: "/no/such.sock" }), (error: unknown) => {
    assert.ok(error instanceof BoxkiteError && error.code === "ENGINE_UNREACHABLE");
    assert.ok(error.message.includes("unix:///no/such.sock") && error.hint !== undefined);
    return true;
  });
  const { api } = await connected(t, () => ANSWERED);
  const abort = new AbortController();
  const waiting = api.waitContainer("x", abort.signal);
  abort.abort(new Error("enough"));
  await assert.rejects(waiting, /enough/);
});

test("an archive is sent as it is read, and opened again where the call is made again", async (t) => {
  const { api, fake } = await connected(t, (_call, response) =>
    fake.calls.length === 1 ? status(response, 500, "busy") : {},
  );
  let opened = 0;
  const open = async function* () {
    opened++;
    yield Buffer.from("first ");
    yield Buffer.from("second");
  };
  const options = { directory: "/app", ownedByUser: true };
  await assert.rejects(api.putArchive("c", open, options), /busy/u);
  await api.putArchive("c", open, options);
  assert.equal(opened, 2);
  assert.deepEqual(
    fake.calls.map(({ body, query }) => [body, query.get("path"), query.get("copyUIDGID")]),
    [
      ["first second", "/app", "true"],
      ["first second", "/app", "true"],
    ],
  );
});

test("a pull fails by its last line, though its status was 200", async (t) => {
  const { api, fake } = await connected(t, (_call, response) => {
    const lines = [
      { status: "Pulling fs layer", id: "a", progressDetail: {} },
      { status: "Downloading", id: "a", progressDetail: { current: 5, total: 10 } },
      { errorDetail: { message: "no basic auth credentials" }, error: "no basic auth credentials" },
    ];
    response.end(lines.map((line) => JSON.stringify(line)).join("\r\n"));
    return ANSWERED;
  });
  const seen: string[] = [];
  const pull = api.pullImage("a.io/x@sha256:1", {
    auth: "secret",
    onProgress: ({ status: text }) => seen.push(text),
  });
  await assert.rejects(pull, /no basic auth credentials/);
  assert.deepEqual(seen, ["Pulling fs layer", "Downloading"]);
  assert.equal(fake.calls[0]?.query.get("fromImage"), "a.io/x@sha256:1");
  assert.equal(fake.calls[0]?.headers["x-registry-auth"], "secret");
});

test("a pull whose connection breaks off did not succeed", async (t) => {
  const { api } = await connected(t, (_call, response) => {
    response.write(`${JSON.stringify({ status: "Downloading", id: "a" })}\n`, () => response.destroy());
    return ANSWERED;
  });
  await assert.rejects(api.pullImage("x"));
});

test("the memory of a container is without cached files, and not known of one that does not run", async (t) => {
  const answers: object[] = [
    { memory_stats: { usage: 100, stats: { inactive_file: 30 } } },
    { memory_stats: { usage: 100, stats: { total_inactive_file: 40, inactive_file: 1 } } },
    { memory_stats: { usage: 100, stats: null } },
    { memory_stats: {} },
  ];
  const { api, fake } = await connected(t, (call) => {
    if (!call.path.endsWith("/stats")) return {};
    return answers.shift() ?? {};
  });
  const found = [];
  for (let n = 0; n < 4; n++) found.push(await api.memoryOf("x"));
  assert.deepEqual(found, [70, 60, 100, undefined]);
  assert.equal(fake.calls.at(-1)?.query.get("stream"), "false");
  const { api: other } = await connected(t, (_call, response) => status(response, 404, "no such container"));
  assert.equal(await other.memoryOf("x"), undefined);
});

test("what is not there is a value by status, whatever the text says", async (t) => {
  const { api } = await connected(t, (_call, response) => status(response, 404, "everything is fine"));
  assert.equal(await api.inspectContainer("x"), undefined);
  assert.equal(await api.inspectImage("x/y:1"), undefined);
  assert.equal(await api.containerLogs("x", { follow: false }), undefined);
  assert.deepEqual(await api.createContainer("x", {}), { kind: "image_missing" });
  await api.stopContainer("x", 1);
  await api.removeContainer("x");
  await api.killContainer("x", "SIGKILL");
});

test("a name in use is found by 409, or by looking where an engine answers 500", async (t) => {
  const docker = await connected(t, (_call, response) => status(response, 409, "in use"));
  assert.deepEqual(await docker.api.createContainer("x", {}), { kind: "exists" });
  const podman = await connected(t, ({ method }, response) =>
    method === "POST" ? status(response, 500, "in use") : { Id: "1" },
  );
  assert.deepEqual(await podman.api.createContainer("x", {}), { kind: "exists" });
});

test("a container that Podman's storage has lost is listed, is not there, keeps its name, and is removed", async (t) => {
  const lost = 'getting container from store "c1": container not known';
  const answer: FakeAnswer = ({ method, path }, response) => {
    if (path === "/libpod/containers/json") return [{ Id: "c1", Labels: null, State: "running" }];
    if (method === "POST") return status(response, 500, 'name "x" is in use');
    if (method === "GET") return status(response, 500, lost);
    return (response.writeHead(204).end(), ANSWERED);
  };
  const { api, fake } = await connected(t, answer, "podman");
  assert.deepEqual(await api.listContainers(["a=b"]), [{ id: "c1", labels: {} }]);
  assert.equal(fake.calls.at(-1)?.query.get("filters"), '{"label":["a=b"]}');
  assert.equal(fake.calls.at(-1)?.query.get("all"), "true");
  assert.equal(await api.inspectContainer("c1"), undefined);
  assert.deepEqual(await api.createContainer("x", {}), { kind: "exists" });
  await api.removeContainer("c1");
  assert.deepEqual([fake.calls.at(-1)?.method, fake.calls.at(-1)?.path], ["DELETE", "/containers/c1"]);

  const docker = await connected(t, answer);
  await assert.rejects(docker.api.inspectContainer("c1"), /container not known/u);
  assert.equal(docker.fake.calls.length, 2);
});

test("a container that Podman's storage has lost is none of its images", async (t) => {
  const { api } = await connected(t, (_, response) => status(response, 500, "container not known"), "podman");
  await assert.rejects(api.inspectImage("x:1"), /container not known/u);
});

test("nothing is left to be killed of a container that does not run", async (t) => {
  const ended = "can only kill running containers. c1 is in state exited: container state improper";
  const podman = await connected(t, (_, response) => status(response, 500, ended), "podman");
  await podman.api.killContainer("c1", "SIGKILL");
  const docker = await connected(t, (_, response) => status(response, 409, "c1 is not running"));
  await docker.api.killContainer("c1", "SIGKILL");
  const broken = await connected(t, (_, response) => status(response, 500, "disk is full"), "podman");
  await assert.rejects(broken.api.killContainer("c1", "SIGKILL"), /disk is full/u);
});

test("an error names the call without the version of the API, Podman's own one, too", async (t) => {
  const { api } = await connected(t, (_, response) => status(response, 500, "disk is full"), "podman");
  const words = (path: string) => ({
    message: `the container engine answered GET ${path} with 500: disk is full`,
  });
  await assert.rejects(api.listContainers([]), words("/libpod/containers/json"));
  await assert.rejects(api.networks.list(), words("/libpod/networks/json"));
  await assert.rejects(api.inspectContainer("c1"), words("/containers/c1/json"));
  await assert.rejects(api.containerLogs("c1", { follow: false }), words("/containers/c1/logs"));
});

test("other statuses are errors with the engine's words", async (t) => {
  const { api } = await connected(t, (_call, response) => status(response, 500, "disk is full"));
  await assert.rejects(api.startContainer("x"), (error: unknown) => {
    assert.ok(error instanceof EngineResponseError && error.status === 500 && error.code === "ENGINE_FAILED");
    assert.match(error.message, /POST \/containers\/x\/start with 500: disk is full/);
    return true;
  });
});

test("states and times are decoded; never is undefined", async (t) => {
  const { api } = await connected(t, ({ path }) => ({
    Id: "1",
    State: {
      Status: path.includes("old") ? "exited" : "paused",
      Running: false,
      ExitCode: 3,
      OOMKilled: true,
      StartedAt: "2026-01-02T03:04:05.5Z",
      FinishedAt: "0001-01-01T00:00:00Z",
    },
    Config: { Labels: { a: "b" } },
  }));
  const state = await api.inspectContainer("old");
  assert.deepEqual(
    [state?.running, state?.exitCode, state?.oomKilled, state?.startedAt, state?.endedAt, state?.labels],
    [false, 3, true, Date.parse("2026-01-02T03:04:05.5Z"), undefined, { a: "b" }],
  );
  assert.equal((await api.inspectContainer("paused"))?.running, true);
});
