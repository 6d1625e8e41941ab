/** Attempts of the stock SDK in workers of mode one_shot: the same as those in containers of their own. */
import assert from "node:assert/strict";
import { after, describe, test } from "node:test";
import { FLYTE_IMAGE } from "../helpers/a0-container.ts";
import { engineForTests, type TestEngine } from "./engine-for-tests.ts";
import type { Recorder } from "./recorder.ts";
import { BARE_IMAGE, OWN, warmAttempts } from "./warm-attempts.ts";

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
const TIMEOUT = { timeout: 120_000 };

const engine: TestEngine = await engineForTests("podman");
after(() => engine.close());

// Of the root of a run, and of an action that it calls.
for (const [image, spec] of [
  [FLYTE_IMAGE, {}],
  [BARE_IMAGE, { parent: "a-root" }],
] as const)
  describe(`attempts in workers: ${image}`, { skip: engine.missing ?? false, timeout: 600_000 }, () => {
    const attempts = warmAttempts(engine, {
      image,
      program: MAIN,
      setting: "one_shot",
      mode: "one_shot",
      spec,
    });
    const { specOf, start, warmUp, startWarm } = attempts;

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
      await attempts.executor.release(spec.key);
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
      await attempts.executor.stop(spec.key, 0);
      assert.equal((await recorder.ended).exitCode, 137);
      await attempts.executor.release(spec.key);
      const worker = recorder.starts.at(-1)?.warm?.worker ?? "";
      assert.equal(await attempts.found.api.inspectContainer(worker), undefined);
    });

    test("go on while the server is away", TIMEOUT, async () => {
      const { spec, recorder } = await startWarm("sleep");
      const startedAt = await recorder.started;
      await recorder.line("begin");
      await attempts.restart();
      const again = await start(spec);
      assert.equal(await again.started, startedAt);
      await again.line("begin");
      await attempts.executor.stop(spec.key, 0);
      assert.equal((await again.ended).exitCode, 137);
      for (const key of await attempts.executor.list()) await attempts.executor.release(key);
      assert.deepEqual(await attempts.executor.list(), []);
    });
  });
