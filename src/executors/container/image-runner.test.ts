import assert from "node:assert/strict";
import { once } from "node:events";
import { PassThrough, type Duplex } from "node:stream";
import { suite, test } from "node:test";
import { ENGINE_INFO } from "../../../test/helpers/engine-info.ts";
import { steppedClock } from "../../../test/helpers/stepped-clock.ts";
import { NO_POLICY } from "./confinement.ts";
import type { EngineApi } from "../../containers/api.ts";
import type { CreateResult } from "../../containers/types.ts";
import { createImageRunner } from "./image-runner.ts";
import type { ImageProgram } from "../../python-runtime/run-in-image.ts";

const PROGRAM: ImageProgram = {
  arguments: ["/programs/check.py", "/runtime", "nonce"],
  mounts: [{ source: "/data/programs", target: "/programs" }],
  timeoutMs: 60_000,
  maxOutputBytes: 10,
};

interface Behaviour {
  readonly created?: CreateResult;
  /** Called at the start. The output ends with the container. */
  readonly onStart?: (output: PassThrough) => void;
  readonly onKill?: (output: PassThrough) => void;
}

function frame(stream: 1 | 2, text: string): Buffer {
  const head = Buffer.alloc(8);
  head[0] = stream;
  head.writeUInt32BE(Buffer.byteLength(text), 4);
  return Buffer.concat([head, Buffer.from(text)]);
}

function setUp({ created = { kind: "created", id: "c1" }, onStart, onKill }: Behaviour) {
  const calls: string[] = [];
  const bodies: unknown[] = [];
  const output = new PassThrough();
  const clock = steppedClock();
  const api: Partial<EngineApi> = {
    engine: "podman",
    createContainer: async (_name, body) => {
      bodies.push(body);
      return created;
    },
    attachContainer: async () => output as Duplex,
    startContainer: async () => {
      calls.push("start");
      onStart?.(output);
    },
    waitContainer: async () => 3,
    killContainer: async () => {
      calls.push("kill");
      onKill?.(output);
    },
    removeContainer: async () => void calls.push("remove"),
  };
  const run = createImageRunner({
    api: api as EngineApi,
    image: "sha256:a",
    interpreter: "/usr/bin/python3",
    instance: "i",
    policy: NO_POLICY,
    info: ENGINE_INFO,
    clock,
  });
  return { run, calls, bodies, clock };
}

suite("a program in a container of an image", () => {
  test("has no network, the confinement of a task, and the mounts read-only", async () => {
    const { run, calls, bodies } = setUp({ onStart: (output) => void output.end() });
    await run(PROGRAM);
    assert.partialDeepStrictEqual(bodies, [
      {
        Image: "sha256:a",
        Entrypoint: ["/usr/bin/python3"],
        Cmd: PROGRAM.arguments,
        Labels: { "dev.boxkite.probe": "i" },
        HostConfig: {
          NetworkMode: "none",
          Mounts: [{ Source: "/data/programs", Target: "/programs", ReadOnly: true }],
          SecurityOpt: ["no-new-privileges"],
        },
      },
    ]);
    assert.deepEqual(calls, ["start", "remove"]);
  });

  test("returns its streams and its exit code; what is beyond the limit is dropped", async () => {
    const { run } = setUp({
      onStart: (output) => {
        // A log begins its chunks with a time. This is none, so what looks like one stays.
        for (const part of [frame(1, "12345"), frame(2, "1 error"), frame(1, "67890"), frame(1, "x")])
          output.write(part);
        output.end();
      },
    });
    assert.deepEqual(await run(PROGRAM), { exitCode: 3, stdout: "1234567890", stderr: "1 error" });
  });

  test("is killed when its time is up, and has no exit code then", async () => {
    const started = new PassThrough();
    const { run, calls, clock } = setUp({
      onStart: (output) => {
        output.write(frame(1, "so far"));
        started.emit("started");
      },
      onKill: (output) => void output.end(),
    });
    const running = run(PROGRAM);
    await once(started, "started");
    await clock.step(PROGRAM.timeoutMs);
    assert.deepEqual(await running, { exitCode: undefined, stdout: "so far", stderr: "" });
    assert.deepEqual(calls, ["start", "kill", "remove"]);
    assert.equal(clock.pending, 0);
  });

  test("is killed by an abort", async () => {
    const abort = new AbortController();
    const reason = new Error("stopped");
    const { run, calls } = setUp({
      onStart: () => void setImmediate(() => abort.abort(reason)),
      onKill: (output) => void output.end(),
    });
    await assert.rejects(run({ ...PROGRAM, signal: abort.signal }), reason);
    assert.deepEqual(calls, ["start", "kill", "remove"]);
    await assert.rejects(run({ ...PROGRAM, signal: abort.signal }), reason);
    assert.equal(calls.length, 3);
  });

  test("is killed by an abort while it is being started", async () => {
    const abort = new AbortController();
    const reason = new Error("stopped");
    let isStarted = false;
    const { run, calls } = setUp({
      onStart: () => {
        abort.abort(reason);
        // The engine has nothing to kill before the start is done.
        queueMicrotask(() => (isStarted = true));
      },
      onKill: (output) => {
        if (isStarted) output.end();
      },
    });
    await assert.rejects(run({ ...PROGRAM, signal: abort.signal }), reason);
    assert.deepEqual(calls, ["start", "kill", "kill", "remove"]);
  });

  test("that cannot be started leaves no container", async () => {
    const { run, calls } = setUp({
      onStart: () => {
        throw new Error("no such file");
      },
    });
    await assert.rejects(run(PROGRAM), /no such file/u);
    assert.deepEqual(calls, ["start", "remove"]);
  });

  test("of an image that is missing is refused", async () => {
    const { run, calls } = setUp({ created: { kind: "image_missing" } });
    await assert.rejects(run(PROGRAM), { code: "IMAGE_NOT_FOUND" });
    assert.deepEqual(calls, []);
  });
});
