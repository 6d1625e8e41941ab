/** Attempts of the stock SDK in workers that take one after the other, or several at once. */
import assert from "node:assert/strict";
import { after, describe, test } from "node:test";
import { until } from "../helpers/until.ts";
import { engineForTests, type TestEngine } from "./engine-for-tests.ts";
import { CAPACITY_BYTES } from "./open-warm-executor.ts";
import { BARE_IMAGE, warmAttempts } from "./warm-attempts.ts";

const MAIN = `
import ctypes, os, time, flyte

env = flyte.TaskEnvironment(name="warm")
count = 0

@env.task
async def main() -> str:
    global count
    count += 1
    do = os.environ["BEHAVIOUR"]
    print(do, count, flush=True)
    if do == "sleep":
        time.sleep(600)
    if do == "reach":
        try:
            open("/proc/1/mem", "r+b")
        except OSError as error:
            print(type(error).__name__, flush=True)
    if do == "exit":
        os._exit(7)
    if do == "fault":
        ctypes.string_at(0)
    if do == "memory":
        held = [bytearray(16 << 20) for _ in range(100)]
    return "done"
`;
const TIMEOUT = { timeout: 120_000 };
const REUSE = {
  minReplicas: 1,
  maxReplicas: 1,
  concurrency: 1,
  idleTtlMs: 600_000,
  scaledownTtlMs: 600_000,
  scope: "run",
  shares: "warm@1",
} as const;

const engine: TestEngine = await engineForTests("podman");
after(() => engine.close());

for (const mode of ["fork", "resident"] as const)
  describe(`attempts in workers of mode ${mode}`, { skip: engine.missing ?? false, timeout: 600_000 }, () => {
    const attempts = warmAttempts(engine, {
      image: BARE_IMAGE,
      program: MAIN,
      setting: "fork",
      mode,
      spec: { parent: "a-root", ...(mode === "resident" && { reuse: REUSE }) },
    });
    const { startWarm } = attempts;

    test("follow one another in one worker", TIMEOUT, async () => {
      await (
        await startWarm("first")
      ).recorder.ended;
      const workers = new Set<string | undefined>();
      const counts: (string | undefined)[] = [];
      const before = process.hrtime.bigint();
      for (let n = 0; n < 20; n++) {
        const spec = await attempts.specOf("short");
        const recorder = await attempts.start(spec);
        const exit = await recorder.ended;
        assert.deepEqual([exit.reason, exit.exitCode], ["exited", 0], recorder.textOf("stderr").join("\n"));
        workers.add(recorder.starts.at(-1)?.warm?.worker);
        counts.push(recorder.textOf("stdout").find((line) => line.startsWith("short ")));
        await attempts.executor.release(spec.key);
      }
      const each = Number(process.hrtime.bigint() - before) / 20e6;
      assert.equal(workers.size, 1);
      assert.equal(workers.has(undefined), false);
      // Modules are anew in a fork, and live on in a resident worker.
      const expected = Array.from({ length: 20 }, (_, n) => `short ${mode === "fork" ? 1 : n + 2}`);
      assert.deepEqual(counts, expected);
      process.stdout.write(
        `# ${mode}: ${each.toFixed(0)} ms for each of 20 attempts, to its end and release\n`,
      );
    });

    for (const [behaviour, exitCode] of [
      ["exit", 7],
      ["fault", 139],
    ] as const)
      test(`end with their exit code: ${behaviour}`, TIMEOUT, async () => {
        const { recorder } = await startWarm(behaviour);
        const exit = await recorder.ended;
        assert.deepEqual([exit.reason, exit.exitCode, exit.outOfMemory], ["exited", exitCode, false]);
      });

    test("meet their memory limit, and the next one does not", TIMEOUT, async () => {
      const { recorder } = await startWarm("memory");
      const exit = await recorder.ended;
      assert.deepEqual([exit.exitCode, exit.outOfMemory], [137, true]);
      const next = await (await startWarm("exit")).recorder.ended;
      assert.deepEqual([next.exitCode, next.outOfMemory], [7, false]);
    });

    test("are stopped, and leave nothing", TIMEOUT, async () => {
      const { spec, recorder } = await startWarm("sleep");
      await recorder.line("sleep 1");
      await attempts.executor.stop(spec.key, 0);
      assert.equal((await recorder.ended).exitCode, 137);
      await attempts.executor.release(spec.key);
    });

    if (mode === "fork")
      test("reach no memory of their worker", TIMEOUT, async () => {
        const { recorder } = await startWarm("reach");
        await recorder.ended;
        assert.ok(recorder.textOf("stdout").includes("PermissionError"));
      });

    test("give way to an attempt that needs their memory", TIMEOUT, async () => {
      const { recorder } = await startWarm("short");
      await recorder.ended;
      // Its worker ends when nothing of the attempts that it had is needed any more.
      for (const key of await attempts.executor.list()) await attempts.executor.release(key);
      const { inspectContainer } = attempts.found.api;
      const { worker = "" } = recorder.starts.at(-1)?.warm ?? {};
      assert.equal((await inspectContainer(worker))?.running, true);
      const { reuse: _policy, ...spec } = await attempts.specOf("exit");
      const requests = { memoryBytes: CAPACITY_BYTES };
      const { started, ended } = await attempts.start({ ...spec, requests, warmStart: "off" });
      await started;
      // On a busy machine it may have started before: it waits two seconds at most. Without it the worker would stay for a minute.
      await until(async () => (await inspectContainer(worker)) === undefined, 20_000);
      assert.equal((await ended).exitCode, 7);
      await attempts.executor.release(spec.key);
    });

    test("go on while the server is away", TIMEOUT, async () => {
      const { spec, recorder } = await startWarm("sleep");
      const startedAt = await recorder.started;
      await recorder.line("sleep 1");
      await attempts.restart();
      const again = await attempts.start(spec);
      assert.equal(await again.started, startedAt);
      await again.line("sleep 1");
      await attempts.executor.stop(spec.key, 0);
      assert.equal((await again.ended).exitCode, 137);
    });
  });
