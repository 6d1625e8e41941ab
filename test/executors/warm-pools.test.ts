/** Attempts of the stock SDK in workers that take one after the other, or several at once. */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import type { FoundEngine } from "../../src/containers/find.ts";
import { LABEL } from "../../src/executors/container/container-spec.ts";
import type { AttemptSpec, Executor } from "../../src/executors/executor.ts";
import { startCodeStore, type CodeStore } from "../helpers/a0-container.ts";
import { bundleOf } from "../helpers/bundles.ts";
import { until } from "../helpers/until.ts";
import { engineForTests, type TestEngine } from "./engine-for-tests.ts";
import { openWarmExecutor } from "./open-warm-executor.ts";
import { Recorder } from "./recorder.ts";

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
    if do == "exit":
        os._exit(7)
    if do == "fault":
        ctypes.string_at(0)
    if do == "memory":
        held = [bytearray(16 << 20) for _ in range(100)]
    return "done"
`;
const BARE_IMAGE = "docker.io/library/python:3.11-slim";
const OWN = ["_U_EP_OVERRIDE", "FLYTE_AWS_ACCESS_KEY_ID", "FLYTE_AWS_SECRET_ACCESS_KEY", "BEHAVIOUR"];
const TIMEOUT = { timeout: 120_000 };
const LIMIT_BYTES = 600 * 1024 * 1024;
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
    let found: FoundEngine;
    let code: CodeStore;
    let data: string;
    let executor: Executor;
    const instance = `pool-${randomBytes(4).toString("hex")}`;
    const run = `r${randomBytes(4).toString("hex")}`;
    const ending: (() => unknown)[] = [];
    const lifetime = { after: (work: () => unknown) => void ending.unshift(work) };
    let attempts = 0;

    const open = () => openWarmExecutor(found.api, { instance, data, code, setting: "fork" });

    before(async () => {
      found = await engine.open();
      lifetime.after(() => found.close());
      data = await mkdtemp(join(tmpdir(), "boxkite-pool-"));
      lifetime.after(() => rm(data, { recursive: true, force: true }));
      code = await startCodeStore(
        lifetime,
        await bundleOf([{ name: "main.py", text: MAIN }]),
        `${data}/code`,
      );
      executor = await open();
    });
    after(async () => {
      for (const key of (await executor?.list()) ?? []) await executor.release(key);
      await executor?.close();
      const left = await found.api.listContainers([`${LABEL.instance}=${instance}`]);
      // What reads an image may still be about to end.
      assert.deepEqual(
        left.filter(({ labels }) => labels[LABEL.kind] !== "probe"),
        [],
      );
      for (const work of ending) await work();
    });

    const specOf = async (behaviour: string): Promise<AttemptSpec> => {
      const spec = code.spec(await executor.resolveImage(BARE_IMAGE));
      return {
        ...spec,
        key: { ...spec.key, run, action: `a${++attempts}` },
        env: { ...spec.env, BEHAVIOUR: behaviour },
        ownVariables: OWN,
        limits: { memoryBytes: LIMIT_BYTES },
        ...(mode === "resident" && { reuse: REUSE }),
      };
    };
    const take = async (spec: AttemptSpec) => {
      const recorder = new Recorder();
      await executor.start(spec, recorder.sink, recorder.observer);
      return recorder;
    };
    const start = async (behaviour: string) => {
      const spec = await specOf(behaviour);
      return { spec, recorder: await take(spec) };
    };
    const startWarm = async (behaviour: string) => {
      executor.expect?.({ images: [], requests: {}, limits: {}, attempts: [await specOf(behaviour)] });
      await until(async () => executor.pools?.().some(({ idle }) => idle > 0) === true, 60_000);
      const attempt = await start(behaviour);
      await attempt.recorder.started;
      assert.equal(attempt.recorder.starts.at(-1)?.warm?.mode, mode);
      return attempt;
    };

    test("follow one another in one worker", TIMEOUT, async () => {
      await (
        await startWarm("first")
      ).recorder.ended;
      const workers = new Set<string | undefined>();
      const counts: (string | undefined)[] = [];
      const before = process.hrtime.bigint();
      for (let n = 0; n < 20; n++) {
        const { spec, recorder } = await start("short");
        const exit = await recorder.ended;
        assert.deepEqual([exit.reason, exit.exitCode], ["exited", 0], recorder.textOf("stderr").join("\n"));
        workers.add(recorder.starts.at(-1)?.warm?.worker);
        counts.push(recorder.textOf("stdout").find((line) => line.startsWith("short ")));
        await executor.release(spec.key);
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
      await executor.stop(spec.key, 0);
      assert.equal((await recorder.ended).exitCode, 137);
      await executor.release(spec.key);
    });

    test("go on while the server is away", TIMEOUT, async () => {
      const { spec, recorder } = await startWarm("sleep");
      const startedAt = await recorder.started;
      await recorder.line("sleep 1");
      await executor.close();
      executor = await open();
      const again = await take(spec);
      assert.equal(await again.started, startedAt);
      await again.line("sleep 1");
      await executor.stop(spec.key, 0);
      assert.equal((await again.ended).exitCode, 137);
    });
  });
