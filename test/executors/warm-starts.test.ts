/** Attempts of the stock SDK in workers of mode one_shot: the same as those in containers of their own. */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import type { FoundEngine } from "../../src/containers/find.ts";
import type { AttemptSpec, Executor } from "../../src/executors/executor.ts";
import { FLYTE_IMAGE, startCodeStore, type CodeStore } from "../helpers/a0-container.ts";
import { bundleOf } from "../helpers/bundles.ts";
import { until } from "../helpers/until.ts";
import { engineForTests, type TestEngine } from "./engine-for-tests.ts";
import { openWarmExecutor } from "./open-warm-executor.ts";
import { Recorder } from "./recorder.ts";

const BARE_IMAGE = "docker.io/library/python:3.11-slim";

const MAIN = `
import json, os, re, resource, signal, sys, threading, time, flyte

env = flyte.TaskEnvironment(name="warm")

def read(path):
    with open(path) as file:
        return file.read()

def facts():
    return {
        "env": dict(os.environ),
        "cwd": os.getcwd(),
        "argv": sys.argv,
        "path": sys.path,
        "main": sys.modules["__main__"].__name__,
        "user": [os.getuid(), os.getgid()],
        "pids": [os.getpid(), os.getppid(), os.getpgid(0), os.getsid(0)],
        # What follows in their names differs from start to start.
        "threads": sorted({re.split("[_-]", thread.name)[0] for thread in threading.enumerate()}),
        "descriptors": [os.readlink(f"/proc/self/fd/{n}").split(":")[0] for n in (0, 1, 2)],
        "signals": [type(signal.getsignal(n)).__name__ for n in (signal.SIGTERM, signal.SIGINT, signal.SIGPIPE)],
        "files": resource.getrlimit(resource.RLIMIT_NOFILE),
        "mask": os.umask(0o22),
    }

@env.task
def main() -> str:
    do = os.environ["BEHAVIOUR"]
    print("begin", flush=True)
    if do == "facts":
        print(json.dumps(facts()))
        print("first", json.dumps(read("/proc/1/environ").split(chr(0))))
    if do == "sleep":
        time.sleep(600)
    if do == "exit":
        os._exit(7)
    if do == "memory":
        held = [bytearray(16 << 20) for _ in range(100)]
    return "done"
`;
const OWN = ["_U_EP_OVERRIDE", "FLYTE_AWS_ACCESS_KEY_ID", "FLYTE_AWS_SECRET_ACCESS_KEY", "BEHAVIOUR"];
const TIMEOUT = { timeout: 120_000 };
const LIMIT_BYTES = 600 * 1024 * 1024;

const engine: TestEngine = await engineForTests("podman");
after(() => engine.close());

for (const reference of [FLYTE_IMAGE, BARE_IMAGE])
  describe(`attempts in workers: ${reference}`, { skip: engine.missing ?? false, timeout: 600_000 }, () => {
    let found: FoundEngine;
    let code: CodeStore;
    let data: string;
    let executor: Executor;
    const instance = `warm-${randomBytes(4).toString("hex")}`;
    const run = `r${randomBytes(4).toString("hex")}`;
    const ending: (() => unknown)[] = [];
    const lifetime = { after: (work: () => unknown) => void ending.unshift(work) };
    let attempts = 0;

    const open = () => openWarmExecutor(found.api, { instance, data, code, setting: "one_shot" });

    before(async () => {
      found = await engine.open();
      lifetime.after(() => found.close());
      data = await mkdtemp(join(tmpdir(), "boxkite-warm-"));
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
      for (const work of ending) await work();
    });

    const specOf = async (behaviour: string, more: Partial<AttemptSpec> = {}): Promise<AttemptSpec> => {
      const image = await executor.resolveImage(reference);
      const spec = code.spec(image);
      return {
        ...spec,
        key: { ...spec.key, run, attempt: ++attempts },
        env: { ...spec.env, BEHAVIOUR: behaviour, SHARED: "s" },
        ownVariables: OWN,
        limits: { memoryBytes: LIMIT_BYTES },
        ...more,
      };
    };
    const start = async (spec: AttemptSpec) => {
      const recorder = new Recorder();
      await executor.start(spec, recorder.sink, recorder.observer);
      return recorder;
    };
    const warmUp = async () => {
      const attempt = await specOf("expected");
      executor.expect?.({ images: [], requests: {}, limits: {}, attempts: [attempt] });
      await until(async () => executor.pools?.().some(({ idle }) => idle === 1) === true, 60_000);
    };
    const startWarm = async (behaviour: string) => {
      await warmUp();
      const spec = await specOf(behaviour);
      const recorder = await start(spec);
      await recorder.started;
      assert.equal(recorder.starts.at(-1)?.warm?.mode, "one_shot", "it started in a worker");
      return { spec, recorder };
    };

    test("see and leave what they would in a container of their own", TIMEOUT, async () => {
      const facts = async (recorder: Recorder) => {
        const exit = await recorder.ended;
        assert.deepEqual([exit.reason, exit.exitCode], ["exited", 0], recorder.textOf("stderr").join("\n"));
        const [begin, seen = "", first = ""] = recorder.textOf("stdout");
        assert.equal(begin, "begin");
        return {
          seen: JSON.parse(seen) as Record<string, unknown>,
          first: JSON.parse(first.slice("first ".length)) as string[],
          log: recorder.lines.map(({ stream }) => stream),
        };
      };
      const cold = await start(await specOf("facts", { warmStart: "off" }));
      const inOwn = await facts(cold);
      await warmUp();
      const spec = await specOf("facts");
      const warm = await start(spec);
      const inWorker = await facts(warm);
      assert.deepEqual(inWorker.seen, inOwn.seen);
      assert.deepEqual(inWorker.log, inOwn.log);
      // The difference that docs name: what the container was started with has no variable of the attempt's own.
      const own = (list: readonly string[]) =>
        list.filter((text) => OWN.some((name) => text.startsWith(`${name}=`))).length;
      assert.deepEqual([own(inOwn.first), own(inWorker.first)], [OWN.length, 0]);
      await executor.release(spec.key);
    });

    test("end with their exit code", TIMEOUT, async () => {
      const { recorder } = await startWarm("exit");
      assert.equal((await recorder.ended).exitCode, 7);
    });

    test("meet their memory limit", TIMEOUT, async () => {
      const { recorder } = await startWarm("memory");
      const exit = await recorder.ended;
      assert.deepEqual([exit.exitCode, exit.outOfMemory], [137, true]);
    });

    test("are stopped, and leave nothing", TIMEOUT, async () => {
      const { spec, recorder } = await startWarm("sleep");
      await recorder.line("begin");
      await executor.stop(spec.key, 0);
      assert.equal((await recorder.ended).exitCode, 137);
      await executor.release(spec.key);
      const worker = recorder.starts.at(-1)?.warm?.worker ?? "";
      assert.equal(await found.api.inspectContainer(worker), undefined);
    });

    test("go on while the server is away", TIMEOUT, async () => {
      const { spec, recorder } = await startWarm("sleep");
      const startedAt = await recorder.started;
      await recorder.line("begin");
      await executor.close();
      executor = await open();
      const again = await start(spec);
      assert.equal(await again.started, startedAt);
      await again.line("begin");
      await executor.stop(spec.key, 0);
      assert.equal((await again.ended).exitCode, 137);
      for (const key of await executor.list()) await executor.release(key);
      assert.deepEqual(await executor.list(), []);
    });
  });
