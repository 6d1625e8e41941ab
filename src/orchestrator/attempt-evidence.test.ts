import assert from "node:assert/strict";
import { test } from "node:test";
import { actionRecord } from "../../test/helpers/action-record.ts";
import { IMAGE } from "../../test/helpers/resolved-image.ts";
import { NO_SETTINGS, type RunRecord } from "../domain/run.ts";
import type { TaskDefinition } from "../domain/task.ts";
import type { AttemptSpec, Executor } from "../executors/executor.ts";
import { systemClock } from "../lib/clock.ts";
import { LOG_END, type PositionedLine } from "../logs/attempt-logs.ts";
import { createAttemptEvidence, evidenceSubject } from "./attempt-evidence.ts";
import { createObjectTraffic } from "./object-traffic.ts";

const ACTION = actionRecord(1, "a0", { phase: "running", attempt: 2 });
const KEY = { ...ACTION.key, attempt: 2 };
const EXIT = { reason: "exited", exitCode: 1, outOfMemory: false } as const;
const LINES: readonly PositionedLine[] = [
  { at: 0, atMs: 1, stream: "stderr", text: "own" },
  { at: 4, atMs: 2, stream: "system", text: "the server's" },
];

function subject(rawDataPrefix?: string, executor: Pick<Executor, "limitFactsOf"> = {}) {
  const calls: string[] = [];
  const traffic = createObjectTraffic();
  const evidence = createAttemptEvidence({
    ...evidenceSubject({
      run: { baseUri: "s3://b/r", settings: { ...NO_SETTINGS, rawDataPrefix } } as RunRecord,
      action: ACTION,
      definition: { type: "python", command: [], args: ["a0", "--tgz", "x"] } as unknown as TaskDefinition,
      spec: { key: KEY, image: IMAGE, limits: { memoryBytes: 9 } } as unknown as AttemptSpec,
    }),
    traffic,
    isTakenUp: false,
    executor,
    clock: systemClock,
    sink: { flush: async () => void calls.push("flushed") },
    logs: {
      readPart: async (key, range) => {
        assert.deepEqual([key, range], [KEY, LOG_END]);
        calls.push("read");
        return { lines: LINES, start: 0, end: 9, isEnd: true, size: 9 };
      },
    },
  });
  return { evidence, traffic, calls };
}

test("evidence has the program, and its own last lines once they are in the file", async () => {
  const { evidence, calls } = subject();
  const known = await evidence.collect({ kind: "nothing" }, EXIT);
  assert.deepEqual(calls, ["flushed", "read"]);
  assert.deepEqual(
    [known.log, known.exit, known.image, known.program.code, known.program.memoryLimitBytes],
    [["own"], EXIT, IMAGE, "sent", 9],
  );
  assert.deepEqual([known.hasBegun, known.uploadRefused], [false, undefined]);
});

test("a runtime is awaited until it asks for something, and only in an image that was to start one", async () => {
  const { evidence, traffic } = subject();
  assert.equal(evidence.awaitsRuntime, true);
  traffic.read(KEY);
  assert.equal(evidence.awaitsRuntime, false);
});

test("the log of an attempt that succeeded is not read", async () => {
  const { evidence, calls } = subject();
  await evidence.collect({ kind: "outputs" }, EXIT);
  assert.deepEqual(calls, []);
});

test("uploads count below the attempt's prefix and below that of its raw data, until it is over", async () => {
  const { evidence, traffic } = subject("s3://b/raw");
  const isRefused = async () =>
    (await evidence.collect({ kind: "outputs" }, EXIT)).uploadRefused !== undefined;
  traffic.refused("r/a0/1/outputs.pb", "DISK_FULL");
  assert.equal(await isRefused(), false, "another attempt's");
  for (const key of ["r/a0/2/outputs.pb", "raw/runs/r/a0/2/part"]) {
    traffic.refused(key, "DISK_FULL");
    assert.equal(await isRefused(), true, key);
    traffic.written(key);
    assert.equal(await isRefused(), false, key);
  }
  evidence.close();
  traffic.refused("r/a0/2/outputs.pb", "DISK_FULL");
  assert.equal(await isRefused(), false);
});

test("of a process that still runs the executor is asked for kills; an engine that does not answer changes nothing", async () => {
  const error = { code: "E", message: "no", kind: "user", recoverable: true } as const;
  const written = { kind: "error", error, whileLoading: false } as const;
  const killed = { outOfMemory: true, memoryKills: [{ process: "a0", of: "limit" }] } as const;
  const exitWith = async (executor: Pick<Executor, "limitFactsOf">) =>
    (await subject(undefined, executor).evidence.collect(written, undefined)).exit;
  assert.deepEqual(await exitWith({ limitFactsOf: async () => killed }), { reason: "exited", ...killed });
  assert.equal((await exitWith({})).outOfMemory, false);
  assert.equal(
    (await exitWith({ limitFactsOf: () => Promise.reject(new Error("no engine")) })).outOfMemory,
    false,
  );
});
