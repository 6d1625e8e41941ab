/**
 * What every executor must do. A subject gives an executor and the way to run a shell script in it;
 * the cases see nothing else of it.
 */
import type { AttemptKey } from "../../src/domain/attempt.ts";
import type { ResolvedImage } from "../../src/domain/image.ts";
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { rm } from "node:fs/promises";
import { after, before, describe, test } from "node:test";
import { ATTEMPT_OPTIONS, type AttemptOption } from "../../src/executors/attempt-options.ts";
import type { AttemptSpec, Executor } from "../../src/executors/executor.ts";
import { KEEP_RUNNING } from "../helpers/shell.ts";
import { optionProbes } from "./option-probes.ts";
import { Recorder } from "./recorder.ts";

export interface ExecutorSubject {
  readonly executor: Executor;
  /** An executor as a restarted server makes it: of the same instance, while the first is closed. */
  reopen(): Promise<Executor>;
  /** Resolves when the process of an attempt has ended, which no executor watches. */
  ended(key: AttemptKey): Promise<void>;
  /** What it takes to run this script with a POSIX shell. */
  shell(script: string): Partial<AttemptSpec>;
  /** Of what an attempt may ask for; all else is refused. */
  readonly honours: readonly AttemptOption[];
  /** Called after all cases; every executor has been closed. */
  close(): Promise<void>;
}

export interface ConformanceOptions {
  /** Why these cases cannot run here. */
  readonly skip?: string | undefined;
}

const HOST_IMAGE: ResolvedImage = { reference: "host", pinned: "host", digest: "", source: "host" };
const TIMEOUT_MS = 60_000;

export function executorConformance(
  name: string,
  makeSubject: () => Promise<ExecutorSubject>,
  options: ConformanceOptions = {},
): void {
  describe(`executor conformance: ${name}`, { skip: options.skip ?? false, timeout: 300_000 }, () => {
    let subject: ExecutorSubject;
    let executor: Executor;
    const used: AttemptKey[] = [];

    before(async () => {
      subject = await makeSubject();
      executor = subject.executor;
    });
    after(async () => {
      if (executor === undefined) return;
      try {
        for (const key of used) await executor.release(key);
      } finally {
        await executor.close();
        await subject.close();
      }
    });

    const newSpec = (script: string, more: Partial<AttemptSpec> = {}): AttemptSpec => {
      const key = {
        project: "p",
        domain: "development",
        run: `r${randomBytes(6).toString("hex")}`,
        action: "a0",
        attempt: 1,
      };
      used.push(key);
      const nothing = {
        command: [],
        args: [],
        env: {},
        requests: {},
        limits: {},
        labels: {},
        image: HOST_IMAGE,
      };
      return { ...nothing, key, ...subject.shell(script), ...more };
    };
    const start = async (spec: AttemptSpec, recorder = new Recorder()) => {
      await executor.start(spec, recorder.sink, recorder.observer);
      return recorder;
    };
    const reopen = async () => {
      await executor.close();
      executor = await subject.reopen();
    };
    const isListed = async ({ run }: AttemptKey) =>
      (await executor.list()).filter((key) => key.run === run).length;

    test("reports the start and the end, with exit code and times", { timeout: TIMEOUT_MS }, async () => {
      const before = Date.now();
      const recorder = await start(newSpec("exit 3"));
      const startedAt = await recorder.started;
      const exit = await recorder.ended;
      assert.deepEqual([exit.reason, exit.exitCode, exit.outOfMemory], ["exited", 3, false]);
      assert.deepEqual(recorder.told, ["started", "ended"]);
      // A container engine dates by another clock than ours, or to the second.
      assert.ok(
        startedAt >= before - 1000 && startedAt <= Date.now() + 1000,
        `${startedAt} is not about ${before}`,
      );
      assert.ok((exit.endedAt ?? 0) >= (exit.startedAt ?? 0));
    });

    test(
      "writes every line before the end, in order, each to its stream",
      { timeout: TIMEOUT_MS },
      async () => {
        const script =
          "i=0; while [ $i -lt 2000 ]; do echo out $i; echo err $i >&2; i=$((i+1)); done; printf 'no line end'";
        const recorder = await start(newSpec(script));
        await recorder.ended;
        const numbers = Array.from({ length: 2000 }, (_, i) => i);
        assert.deepEqual(recorder.textOf("stdout"), [...numbers.map((i) => `out ${i}`), "no line end"]);
        assert.deepEqual(
          recorder.textOf("stderr"),
          numbers.map((i) => `err ${i}`),
        );
        assert.equal(recorder.told.at(-1), "ended");
        const times = recorder.lines.map(({ atMs }) => atMs);
        assert.deepEqual(
          times,
          [...times].sort((a, b) => a - b),
          "times never fall",
        );
      },
    );

    test("writes lines while the attempt runs", { timeout: TIMEOUT_MS }, async () => {
      const spec = newSpec(`echo waiting; ${KEEP_RUNNING}`);
      const recorder = await start(spec);
      await recorder.line("waiting");
      assert.ok(!recorder.told.includes("ended"));
      await executor.stop(spec.key, 0);
      await recorder.ended;
    });

    test("passes the environment on, whatever is in it", { timeout: TIMEOUT_MS }, async () => {
      const env = { BOXKITE_A: "a b=c", BOXKITE_Q: `"quotes' $HOME \\`, BOXKITE_EMPTY: "", BOXKITE_U: "süß" };
      const script =
        'echo "$BOXKITE_A"; echo "$BOXKITE_U"; printf "%s\\n" "$BOXKITE_Q"; echo "[${BOXKITE_EMPTY-unset}]"';
      const recorder = await start(newSpec(script, { env }));
      await recorder.ended;
      assert.deepEqual(recorder.textOf("stdout"), [env.BOXKITE_A, env.BOXKITE_U, env.BOXKITE_Q, "[]"]);
    });

    test("stop lets the attempt end by itself", { timeout: TIMEOUT_MS }, async () => {
      const spec = newSpec(`trap 'echo bye; exit 7' TERM; echo ready; ${KEEP_RUNNING}`);
      const recorder = await start(spec);
      await recorder.line("ready");
      await executor.stop(spec.key, 20_000);
      assert.equal(recorder.told.at(-1), "ended", "a stop is done when the end was reported");
      const exit = await recorder.ended;
      assert.equal(exit.exitCode, 7);
      assert.deepEqual(recorder.textOf("stdout"), ["ready", "bye"]);
    });

    test(
      "six attempts ended together each have their end reported before they are freed",
      { timeout: TIMEOUT_MS },
      async () => {
        const script = `trap 'echo bye; exit 7' TERM; echo ready; ${KEEP_RUNNING}`;
        const specs = Array.from({ length: 6 }, () => newSpec(script));
        const recorders = await Promise.all(specs.map((spec) => start(spec)));
        await Promise.all(recorders.map((recorder) => recorder.line("ready")));
        const told = await Promise.all(
          specs.map(async ({ key }, index) => {
            await executor.stop(key, 20_000);
            await executor.release(key);
            return recorders[index]?.told.at(-1);
          }),
        );
        assert.deepEqual(new Set(told), new Set(["ended"]));
        for (const recorder of recorders) {
          assert.equal((await recorder.ended).exitCode, 7);
          assert.deepEqual(recorder.textOf("stdout"), ["ready", "bye"]);
        }
      },
    );

    test("stop kills an attempt that does not end by itself", { timeout: TIMEOUT_MS }, async () => {
      const spec = newSpec(`trap '' TERM; echo ready; ${KEEP_RUNNING}`);
      const recorder = await start(spec);
      await recorder.line("ready");
      const before = Date.now();
      await executor.stop(spec.key, 1000);
      const exit = await recorder.ended;
      assert.equal(exit.exitCode, 137);
      assert.equal(exit.outOfMemory, false);
      assert.ok(Date.now() - before >= 900, "the grace period was kept");
    });

    test(
      "an attempt stopped while it starts ends, once, and starts nothing afterwards",
      { timeout: TIMEOUT_MS },
      async () => {
        const spec = newSpec(KEEP_RUNNING);
        const recorder = await start(spec);
        await executor.stop(spec.key, 1000);
        await recorder.ended;
        assert.equal(recorder.told.filter((each) => each === "ended").length, 1);
      },
    );

    test(
      "starting an attempt twice is one attempt; its end is reported to the second observer",
      { timeout: TIMEOUT_MS },
      async () => {
        const spec = newSpec(`echo begun; ${KEEP_RUNNING}`);
        const first = await start(spec);
        await first.line("begun");
        const second = await start(spec);
        await second.line("begun");
        assert.equal(await isListed(spec.key), 1);
        await executor.stop(spec.key, 0);
        await second.ended;
        assert.deepEqual(second.textOf("stdout"), ["begun"]);
      },
    );

    test("an ended attempt that is started again is not run again", { timeout: TIMEOUT_MS }, async () => {
      const spec = newSpec("echo once; exit 9");
      const first = await start(spec);
      await first.ended;
      const second = await start(spec, new Recorder(first.lines));
      const exit = await second.ended;
      assert.deepEqual([exit.reason, exit.exitCode], ["exited", 9], JSON.stringify(exit));
      assert.deepEqual(second.textOf("stdout"), ["once"]);
    });

    test(
      "a running attempt is taken up after a restart, without loss or repetition",
      { timeout: TIMEOUT_MS },
      async () => {
        const script =
          "echo one; sleep 0.5; i=0; while [ $i -lt 30 ]; do echo n $i; i=$((i+1)); sleep 0.05; done; exit 4";
        const spec = newSpec(script);
        const first = await start(spec);
        await first.line("one");
        await reopen();
        assert.ok(!first.told.includes("ended"), "closing reports nothing");
        const second = await start(spec, new Recorder(first.lines));
        const exit = await second.ended;
        assert.equal(exit.exitCode, 4);
        assert.deepEqual(second.textOf("stdout"), ["one", ...Array.from({ length: 30 }, (_, i) => `n ${i}`)]);
      },
    );

    test("an attempt that ended while no one watched is taken up, too", { timeout: TIMEOUT_MS }, async () => {
      const spec = newSpec("echo early; sleep 0.3; echo late; exit 5");
      const first = await start(spec);
      await first.line("early");
      await executor.close();
      await subject.ended(spec.key);
      executor = await subject.reopen();
      assert.equal(await isListed(spec.key), 1);
      const second = await start(spec, new Recorder(first.lines));
      const exit = await second.ended;
      assert.deepEqual([exit.reason, exit.exitCode], ["exited", 5], JSON.stringify(exit));
      assert.deepEqual(second.textOf("stdout"), ["early", "late"]);
    });

    test(
      "an attempt can be stopped after a restart before it is taken up, with its exit code",
      { timeout: TIMEOUT_MS },
      async () => {
        const spec = newSpec(`echo ready; ${KEEP_RUNNING}`);
        const first = await start(spec);
        await first.line("ready");
        await reopen();
        const exitCode = await executor.stop(spec.key, 1_000);
        const second = await start(spec, new Recorder(first.lines));
        const exit = await second.ended;
        assert.ok(exit.exitCode === 137 || exit.exitCode === 143, JSON.stringify(exit));
        assert.equal(exitCode, exit.exitCode);
      },
    );

    test(
      "lists what it holds until it is released, which may be done twice",
      { timeout: TIMEOUT_MS },
      async () => {
        const spec = newSpec("exit 0");
        const recorder = await start(spec);
        await recorder.ended;
        assert.deepEqual(
          (await executor.list()).filter(({ run }) => run === spec.key.run),
          [spec.key],
        );
        await executor.release(spec.key);
        assert.equal(await isListed(spec.key), 0);
        await executor.release(spec.key);
      },
    );

    test(
      "an attempt that is released while it runs is ended, and its end reported",
      { timeout: TIMEOUT_MS },
      async () => {
        const spec = newSpec(`echo ready; ${KEEP_RUNNING}`);
        const recorder = await start(spec);
        await recorder.line("ready");
        await executor.release(spec.key);
        assert.equal(recorder.told.at(-1), "ended");
        assert.equal((await recorder.ended).exitCode, 137);
        assert.equal(await isListed(spec.key), 0);
      },
    );

    test("attempts of one action are apart", { timeout: TIMEOUT_MS }, async () => {
      const one = newSpec("exit 1");
      const two = { ...newSpec("exit 2"), key: { ...one.key, attempt: 2 } };
      used.push(two.key);
      const [first, second] = await Promise.all([start(one), start(two)]);
      assert.deepEqual([(await first.ended).exitCode, (await second.ended).exitCode], [1, 2]);
      assert.equal(await isListed(one.key), 2);
      await executor.release(one.key);
      assert.equal(await isListed(one.key), 1);
    });

    test("what is unknown can be stopped and released", { timeout: TIMEOUT_MS }, async () => {
      const { key } = newSpec("exit 0");
      await executor.stop(key, 1000);
      await executor.release(key);
    });

    test("every option is honoured, or refused by its name", { timeout: TIMEOUT_MS * 2 }, async (t) => {
      const { directory, probes } = optionProbes();
      t.after(() => rm(directory, { recursive: true, force: true }));
      const seen = await Promise.all(
        ATTEMPT_OPTIONS.map(async (option) => {
          const { options: asked, script } = probes[option];
          const exit = await (await start(newSpec(script, asked))).ended;
          const isRefused =
            exit.code === "ATTEMPT_OPTION_UNSUPPORTED" && exit.message?.includes(` ${option},`) === true;
          if (isRefused) return undefined;
          // An engine that was asked for a runtime that it does not have says so itself.
          const isHonoured = option === "ociRuntime" ? exit.exitCode === undefined : exit.exitCode === 0;
          assert.ok(isHonoured, `${option} was ignored: ${JSON.stringify(exit)}`);
          return option;
        }),
      );
      assert.deepEqual(
        seen.filter((option) => option !== undefined),
        ATTEMPT_OPTIONS.filter((option) => subject.honours.includes(option)),
      );
    });

    test("ten attempts at once end each with its own code", { timeout: TIMEOUT_MS }, async () => {
      const recorders = await Promise.all(
        Array.from({ length: 10 }, (_, i) => start(newSpec(`echo ${i}; exit ${i}`))),
      );
      const exits = await Promise.all(recorders.map(({ ended }) => ended));
      assert.deepEqual(
        exits.map(({ exitCode }) => exitCode),
        Array.from({ length: 10 }, (_, i) => i),
      );
      assert.deepEqual(
        recorders.map((each) => each.textOf("stdout")),
        Array.from({ length: 10 }, (_, i) => [String(i)]),
      );
    });
  });
}
