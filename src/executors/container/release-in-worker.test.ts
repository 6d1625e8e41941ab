import assert from "node:assert/strict";
import { mkdir, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { mock, test, type TestContext } from "node:test";
import { FAKE_SPEC, fakePlan, fakeWorker } from "../../../test/helpers/fake-workers.ts";
import { recordingLogger } from "../../../test/helpers/recording-logger.ts";
import { temporaryDirectory } from "../../../test/helpers/server.ts";
import { steppedClock } from "../../../test/helpers/stepped-clock.ts";
import { until } from "../../../test/helpers/until.ts";
import type { ContainerState } from "../../containers/types.ts";
import { Assignments } from "../workers/assignments.ts";
import { AttemptFiles } from "../workers/attempt-files.ts";
import { endInWorker, releaseInWorker } from "./release-in-worker.ts";

const { key } = FAKE_SPEC;

interface Case {
  readonly isKnown?: boolean;
  /** Of the container; undefined: it cannot be inspected. */
  readonly state?: Pick<ContainerState, "running"> | undefined;
}

/** A worker that has one attempt; what is done with it, in order. */
async function setUp(t: TestContext, { isKnown = true, ...container }: Case = {}) {
  const { state } = { state: { running: true }, ...container };
  const root = await temporaryDirectory(t);
  const clock = steppedClock();
  const { log } = recordingLogger();
  const directory = join(root, "worker");
  await mkdir(directory);
  const files = new AttemptFiles(directory, "id");
  await files.create();
  const assignments = await Assignments.open(join(root, "assignments"), log);
  const warm = { mode: "resident", pool: "pool", worker: "worker", earlierAttempts: 0 } as const;
  const assignment = { key, warm, id: "id", assignedAt: 1 };
  await assignments.record("name", assignment);
  const worker = fakeWorker(fakePlan("pool", { mode: "resident" }), "worker", clock, directory);
  const calls: string[] = [];
  const context = {
    assignments,
    clock,
    log,
    ends: { forget: () => {} },
    pools: {
      retire: () => void calls.push("retire"),
      release: () => void calls.push("release"),
      holds: () => true,
    },
    workers: {
      of: () => (isKnown ? worker : undefined),
      directoryOf: () => directory,
      inspect: async () => state as ContainerState | undefined,
      kill: async () => void calls.push("kill"),
      remove: async () => void calls.push("remove"),
    },
  };
  const release = () => releaseInWorker(context, key, "name");
  const end = () => endInWorker(context, assignment);
  const isForgotten = () => assignments.of("name") === undefined;
  return { clock, files, worker, calls, release, end, isForgotten };
}

test("an attempt that is over is released without more ado", async (t) => {
  const { files, worker, calls, release, isForgotten } = await setUp(t);
  await writeFile(join(files.path, "exit"), "0");
  await release();
  assert.deepEqual([calls, worker.orders, isForgotten()], [["release"], [], true]);
  const gone = await setUp(t, { state: { running: false } });
  await gone.release();
  assert.deepEqual([gone.calls, gone.worker.orders, gone.isForgotten()], [["retire", "release"], [], true]);
});

test("a worker that this server does not know yet is not ended for an attempt that is over", async (t) => {
  const { files, calls, end } = await setUp(t, { isKnown: false });
  await writeFile(join(files.path, "exit"), "0");
  await end();
  assert.deepEqual(calls, []);
});

test("an attempt is forgotten before its files are removed: a second release finds none that may run", async (t) => {
  const { files, calls, release, isForgotten } = await setUp(t);
  await writeFile(join(files.path, "exit"), "0");
  const during: boolean[] = [];
  const removing = mock.method(AttemptFiles.prototype, "remove", async () => {
    during.push(isForgotten());
    removing.mock.restore();
    await release();
  });
  t.after(() => removing.mock.restore());
  await release();
  assert.deepEqual([during, calls], [[true], ["release", "release"]]);
});

test("what an attempt has left in the place of its files holds up no release", async (t) => {
  const { files, release, isForgotten } = await setUp(t);
  await writeFile(join(files.path, "exit"), "0");
  await mkdir(join(files.path, "stdout"));
  await writeFile(join(files.path, "stderr"), "");
  await release();
  assert.equal(isForgotten(), true);
  assert.deepEqual(await readdir(files.path), ["stdout"], "the others are gone");
});

test("an attempt that nobody watches and that may run is ended before its worker forgets it; nobody gets its slot", async (t) => {
  const { worker, calls, release, isForgotten } = await setUp(t);
  const released = release();
  await until(async () => worker.orders.length === 1);
  assert.deepEqual(worker.orders, [{ op: "signal", id: "id", signal: "KILL" }]);
  assert.deepEqual([calls, isForgotten()], [["retire", "release"], false]);
  worker.report({ event: "exited", id: "id", code: 137 });
  await released;
  assert.deepEqual([calls, isForgotten()], [["retire", "release"], true]);
});

test("its worker is ended where the attempt does not end, or cannot be reached", async (t) => {
  const stuck = await setUp(t);
  const released = stuck.release();
  await until(async () => stuck.worker.orders.length === 1);
  await stuck.clock.step(6_000);
  await released;
  assert.deepEqual(stuck.calls, ["retire", "release", "kill"]);

  const broken = await setUp(t);
  broken.worker.disconnect(new Error("it is not connected"));
  await broken.release();
  assert.deepEqual(broken.calls, ["retire", "release", "kill"]);

  const unknown = await setUp(t, { isKnown: false });
  await unknown.release();
  assert.deepEqual([unknown.calls, unknown.isForgotten()], [["release", "kill"], true]);
});

test("a worker whose container cannot be inspected is killed: its process may run", async (t) => {
  const { worker, calls, release, isForgotten } = await setUp(t, { state: undefined });
  // As a worker ends for this server when its container cannot be inspected any more.
  worker.end({ exitCode: undefined });
  await release();
  assert.deepEqual([calls, isForgotten()], [["retire", "release", "kill"], true]);
});
