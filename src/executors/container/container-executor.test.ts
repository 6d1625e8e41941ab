/** The executor against a scripted engine: what real ones do too rarely to wait for. */
import type { AttemptKey } from "../../domain/attempt.ts";
import type { ResolvedImage } from "../../domain/image.ts";
import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import type { ServerResponse } from "node:http";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import {
  ANSWERED,
  answer,
  inspected,
  startFakeEngine,
  status,
  verbOf,
  type FakeAnswer,
} from "../../../test/executors/fake-engine.ts";
import { Recorder } from "../../../test/executors/recorder.ts";
import { temporaryDirectory } from "../../../test/helpers/server.ts";
import { until } from "../../../test/helpers/until.ts";
import { BoxkiteError } from "../../domain/errors.ts";
import { systemClock } from "../../lib/clock.ts";
import { silentLogger } from "../../lib/log.ts";
import type { AttemptSpec } from "../executor.ts";
import type { RegistryClient } from "../../images/registry/registry-client.ts";
import { createContainerExecutor } from "./container-executor.ts";
import type { Inherited } from "./inherited.ts";
import { connectEngine } from "../../containers/api.ts";

const digest = `sha256:${"a".repeat(64)}`;
const image: ResolvedImage = {
  reference: "h.io/app:1",
  pinned: `h.io/app@${digest}`,
  digest,
  source: "registry",
};

const KEY: AttemptKey = { project: "p", domain: "d", run: "r", action: "a0", attempt: 1 };

interface Script {
  /** By verb, e.g. "POST create"; what is not scripted goes well. */
  readonly [verb: string]: FakeAnswer;
}

/** A container that has ended with code 5 as soon as it was started. */
async function setUp(
  t: TestContext,
  script: Script,
  registry: Partial<RegistryClient> = {},
  inherited: Inherited = {},
) {
  const usual: Script = {
    "POST create": (_call, response) => answer(response, 201, { Id: "c1" }),
    "POST attach": (_call, response) => status(response, 400, "no attaching here"),
    "POST start": (_call, response) => answer(response, 204),
    "GET json": () => inspected({ Status: "exited", ExitCode: 5 }),
    "GET logs": (_call, response) => (response.end(), ANSWERED),
    "GET events": (_call, response) => (response.flushHeaders(), ANSWERED),
    "PUT archive": (_call, response) => answer(response, 200),
    "GET info": () => ({ Architecture: "x86_64", NCPU: 2, CgroupVersion: "2" }),
  };
  const fake = await startFakeEngine(t, (call, response) => {
    if (call.path === "/containers/json") return [];
    const verb = verbOf(call);
    return (script[verb] ?? usual[verb])?.(call, response);
  });
  const api = await connectEngine({ kind: "unix", socketPath: fake.socketPath });
  const info = await api.info();
  const executor = createContainerExecutor({
    api,
    info,
    instance: "i",
    log: silentLogger,
    clock: systemClock,
    endpointHost: () => "h",
    inherited,
    lostAfterMs: 500,
    credentials: async () => undefined,
    registry: {
      resolve: () => Promise.reject(new Error("not scripted")),
      describe: () => Promise.reject(new Error("not scripted")),
      requireLayers: async () => {},
      requireAllowed: async () => {},
      ...registry,
    },
  });
  t.after(async () => {
    await executor.close();
    api.close();
  });
  const begin = async (more: Partial<AttemptSpec> = {}) => {
    const recorder = new Recorder();
    const spec = {
      key: KEY,
      image,
      command: [],
      args: ["a0"],
      env: {},
      requests: {},
      limits: {},
      labels: {},
      ...more,
    };
    await executor.start(spec, recorder.sink, recorder.observer);
    return recorder;
  };
  const run = async (more: Partial<AttemptSpec> = {}) => {
    const recorder = await begin(more);
    return { exit: await recorder.ended, recorder };
  };
  const count = (verb: string) => fake.calls.filter((call) => verbOf(call) === verb).length;
  return { executor, begin, run, count, fake };
}

test("the end is noticed by an event where the engine does not let a container be attached to", async (t) => {
  let running = true;
  let told: ServerResponse | undefined;
  const { run } = await setUp(t, {
    "GET events": (_call, response) => {
      told = response;
      response.flushHeaders();
      return ANSWERED;
    },
    "GET logs": (_call, response) => {
      // The log is asked for when the attempt runs: now it ends.
      running = false;
      told?.write(`${JSON.stringify({ Action: "die", Actor: { ID: "c1" } })}\n`);
      response.end();
      return ANSWERED;
    },
    "GET json": () =>
      inspected(running ? { Status: "running", Running: true } : { Status: "exited", ExitCode: 5 }),
  });
  assert.equal((await run()).exit.exitCode, 5);
});

test("a passing failure of the engine is tolerated, a lasting one loses the attempt", async (t) => {
  let failures = 2;
  const passing = await setUp(t, {
    "POST create": (_call, response) =>
      failures-- > 0 ? status(response, 500, "busy") : answer(response, 201, { Id: "c1" }),
    "GET json": ({ path }) =>
      path.includes("c1") ? inspected({ Status: "exited", ExitCode: 5 }) : undefined,
    "POST attach": (_call, response) => (response.destroy(), ANSWERED),
  });
  // The end is found at the first check, which the events' connection brings about.
  assert.equal((await passing.run()).exit.exitCode, 5);

  const lasting = await setUp(t, {
    "POST create": (_call, response) => status(response, 500, "disk is full"),
    "GET json": () => undefined,
  });
  const { exit } = await lasting.run();
  assert.deepEqual([exit.reason, exit.code], ["lost", "ENGINE_FAILED"]);
  assert.match(exit.message ?? "", /disk is full/);
});

test("what the engine refuses is not tried again", async (t) => {
  const { run, count } = await setUp(t, {
    "POST create": (_call, response) => status(response, 400, "minimum memory limit is 6MB"),
  });
  const { exit } = await run();
  assert.deepEqual([exit.reason, exit.code], ["start_failed", "CONTAINER_REFUSED"]);
  assert.match(exit.message ?? "", /h\.io\/app:1.*minimum memory limit/);
  assert.equal(count("POST create"), 1);
});

test("GPUs are asked of Docker as `docker run --gpus` does; a driver that is missing is the end", async (t) => {
  const { run, fake, count } = await setUp(t, {
    "POST start": (_call, response) =>
      status(response, 500, 'could not select device driver "" with capabilities: [[gpu]]'),
  });
  const { exit } = await run({ requests: { gpu: 2 } });
  const created = fake.calls.find((call) => verbOf(call) === "POST create");
  const body = JSON.parse(created?.body ?? "") as { HostConfig: { DeviceRequests: unknown } };
  assert.deepEqual(body.HostConfig.DeviceRequests, [{ Driver: "", Count: 2, Capabilities: [["gpu"]] }]);
  assert.deepEqual([exit.reason, exit.code], ["start_failed", "GPU_NOT_SUPPORTED"]);
  assert.match(exit.hint ?? "", /nvidia-ctk/);
  assert.equal(count("POST create"), 1);
});

test("a container that ran before the machine went down is not started a second time", async (t) => {
  const { run, count } = await setUp(t, {
    "POST create": (_call, response) => status(response, 409, "in use"),
    "GET json": () => inspected({ Status: "created", FinishedAt: "0001-01-01T00:00:00Z" }),
  });
  const { exit } = await run();
  assert.deepEqual([exit.reason, exit.code], ["lost", "MACHINE_RESTARTED"]);
  assert.equal(count("POST start"), 0);
});

test("a container that was created before a crash is started now", async (t) => {
  const never = "0001-01-01T00:00:00Z";
  let started = false;
  const { run, count } = await setUp(t, {
    "POST create": (_call, response) => status(response, 409, "in use"),
    "POST start": (_call, response) => {
      started = true;
      return answer(response, 204);
    },
    "GET json": () =>
      inspected(
        started
          ? { Status: "exited", ExitCode: 5 }
          : { Status: "created", StartedAt: never, FinishedAt: never },
      ),
  });
  assert.equal((await run()).exit.exitCode, 5);
  assert.equal(count("POST start"), 1);
});

test("what is inherited goes in before the start, also where a crash came between", async (t) => {
  const bundle = join(await temporaryDirectory(t), "bundle.pem");
  await writeFile(bundle, "authorities");
  const never = "0001-01-01T00:00:00Z";
  let created = false;
  let started = false;
  const script: Script = {
    "POST create": (_call, response) =>
      created ? status(response, 409, "in use") : ((created = true), answer(response, 201, { Id: "c1" })),
    "POST start": (_call, response) => ((started = true), answer(response, 204)),
    "GET json": ({ path }) =>
      path.includes("/images/")
        ? { Id: "i1", Config: { Env: ["PIP_CERT=/own.pem"] } }
        : inspected(
            started
              ? { Status: "exited", ExitCode: 5 }
              : { Status: "created", StartedAt: never, FinishedAt: never },
          ),
  };
  const inherited = { certificates: bundle, proxy: { HTTP_PROXY: "http://proxy:1" } };
  for (const crashed of [false, true]) {
    started = false;
    const { run, fake } = await setUp(t, script, {}, inherited);
    const { recorder } = await run({ env: { NO_PROXY: "own" } });
    const verbs = fake.calls.map(verbOf).filter((verb) => /create|archive|start/u.test(verb));
    assert.deepEqual(verbs, ["POST create", "PUT archive", "POST start"], `crashed: ${crashed}`);
    const [create, archive] = ["POST create", "PUT archive"].map((verb) =>
      fake.calls.find((call) => verbOf(call) === verb),
    );
    const { Env: env } = JSON.parse(create?.body ?? "") as { Env: string[] };
    assert.ok(env.includes("SSL_CERT_FILE=/run/boxkite/ca.crt") && env.includes("no_proxy=own,h"));
    assert.equal(
      env.some((pair) => pair.startsWith("PIP_CERT=")),
      false,
    );
    assert.equal(archive?.query.get("path"), "/");
    assert.match(archive?.body ?? "", /run\/boxkite\/ca\.crt[^]*authorities/u);
    const [note] = recorder.progress;
    assert.match(note ?? "", /^by the server's settings: .*authorities in .*; .*HTTP_PROXY, NO_PROXY/u);
    assert.deepEqual(
      recorder.lines.map(({ stream, line }) => [stream, line]),
      [["system", note]],
    );
  }
});

test("a pull that fails is explained by the registry's status, not by the engine's text", async (t) => {
  const script: Script = {
    "POST create": ({ path }, response) => {
      if (path.endsWith("/containers/create")) return status(response, 404, "no image");
      response.end(JSON.stringify({ error: "some text of the engine's" }));
      return ANSWERED;
    },
  };
  const login = new BoxkiteError("IMAGE_UNAUTHORIZED", "registry h.io does not let us read h.io/app", {
    hint: "log in",
  });
  const refused = await setUp(t, script, { resolve: () => Promise.reject(login) });
  const { exit, recorder } = await refused.run();
  assert.deepEqual([exit.reason, exit.code, exit.hint], ["start_failed", "ImagePullBackOff", "log in"]);
  assert.match(exit.message ?? "", /h\.io\/app:1 could not be pulled: registry h\.io does not let us read/);
  assert.deepEqual(recorder.progress, ["pulling image h.io/app:1"]);

  const away = new BoxkiteError("REGISTRY_UNREACHABLE", "registry h.io cannot be asked", { hint: "x" });
  const unreachable = await setUp(t, script, { resolve: () => Promise.reject(away) });
  assert.equal((await unreachable.run()).exit.reason, "lost");

  const engineOnly = await setUp(t, script, {
    resolve: async () => ({ digest, mediaType: "", platforms: [] }),
  });
  const third = await engineOnly.run();
  assert.equal(third.exit.reason, "lost");
  assert.match(third.exit.message ?? "", /some text of the engine's/);
});

test("no engine for too long loses the attempt", async (t) => {
  const { run, fake } = await setUp(t, {});
  await fake.close();
  const { exit, recorder } = await run();
  assert.deepEqual([exit.reason, exit.code], ["lost", "ENGINE_UNREACHABLE"]);
  assert.match(recorder.progress[0] ?? "", /waiting for the container engine/);
});

function logFrame(text: string, end = "\n"): Buffer {
  const payload = Buffer.from(`2026-01-02T03:04:05Z ${text}${end}`);
  const head = Buffer.alloc(8);
  head[0] = 1;
  head.writeUInt32BE(payload.length, 4);
  return Buffer.concat([head, payload]);
}

test("a log whose connection breaks while its end is read is read again", async (t) => {
  const { run, count } = await setUp(t, {
    "GET logs": (_call, response) => {
      response.write(logFrame("one"), () => {
        if (count("GET logs") === 1) response.destroy();
        else response.end(logFrame("two"));
      });
      return ANSWERED;
    },
  });
  const { exit, recorder } = await run();
  assert.equal(exit.exitCode, 5);
  assert.deepEqual(
    recorder.lines.map(({ line }) => line),
    ["one", "two"],
  );
});

for (const hung of ["GET json", "POST stop"]) {
  test(`an engine that does not answer ${hung} keeps no executor from being closed`, async (t) => {
    const asked = Promise.withResolvers<void>();
    const { executor, begin } = await setUp(t, {
      "GET json": () => inspected({ Status: "running", Running: true }),
      [hung]: () => (asked.resolve(), ANSWERED),
    });
    const recorder = await begin();
    await recorder.started;
    const stopped = hung === "POST stop" ? executor.stop(KEY, 1_000) : undefined;
    const rejected = stopped && assert.rejects(stopped, /detached/u);
    await asked.promise;
    await executor.close();
    await rejected;
  });
}

test("a name that is in use although no container has it loses the attempt, after some tries", async (t) => {
  const { run, count } = await setUp(t, {
    "POST create": (_call, response) => status(response, 409, "name in use by an external entity"),
    "GET json": () => undefined,
  });
  const { exit } = await run();
  assert.deepEqual([exit.reason, exit.code], ["lost", "ENGINE_FAILED"]);
  assert.match(exit.message ?? "", /in use/u);
  assert.ok(count("POST create") < 10);
});

test("the unfinished line of a log whose end cannot be read is kept", async (t) => {
  const { run, count } = await setUp(t, {
    "GET logs": (_call, response) => {
      if (count("GET logs") > 1) return status(response, 500, "the log is damaged");
      response.write(logFrame("part", ""), () => response.destroy());
      return ANSWERED;
    },
  });
  const { exit, recorder } = await run();
  assert.equal(exit.exitCode, 5);
  assert.deepEqual(
    recorder.lines.map(({ stream }) => stream),
    ["stdout", "system"],
  );
  assert.match(recorder.lines[1]?.line ?? "", /could not be read: .*the log is damaged/u);
});

test("a log says why its end is missing where the engine does not answer any more", async (t) => {
  const { run } = await setUp(t, { "GET logs": (_call, response) => (response.destroy(), ANSWERED) });
  const { exit, recorder } = await run();
  assert.equal(exit.exitCode, 5);
  assert.match(
    recorder.lines.at(-1)?.line ?? "",
    /could not be read: the container engine has not answered/u,
  );
});

test("an image is pulled as soon as attempts with it are expected", async (t) => {
  const { executor, fake } = await setUp(t, {
    "GET json": (_call, response) => status(response, 404, "no such image"),
  });
  executor.expect?.({ images: [image], requests: {}, limits: {} });
  await until(async () =>
    fake.calls.some(({ method, path }) => method === "POST" && path.includes("/images/")),
  );
});
