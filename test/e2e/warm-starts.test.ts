/** The stock SDK on a server that starts attempts in containers which were made ahead. */
import assert from "node:assert/strict";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite, test } from "node:test";
import { missingEngine } from "../helpers/engine.ts";
import { startServer, temporaryDirectory } from "../helpers/server.ts";
import { runProgram, stockPython, succeeded, writeProgram } from "../helpers/stock-sdk.ts";
import { until } from "../helpers/until.ts";
import { WarmRuns } from "../helpers/warm-runs.ts";

const ENGINE = "podman";
/** Any image with the stock runtime: the SDK's own default, or its stand-in. */
const RUNTIME = "ghcr.io/flyteorg/flyte:py3.11-v2.12.1";

const FLOW = `
import os, time
import flyte

env = flyte.TaskEnvironment(name="warm", image=flyte.Image.from_ref_name("runtime"))

@env.task
async def child(x: int, seconds: float) -> list[str]:
    print("child", x, flush=True)
    time.sleep(seconds)
    return [os.environ["ACTION_NAME"], os.environ["HOSTNAME"], str(os.path.exists("/run/boxkite/worker"))]

@env.task
async def parent(seconds: float) -> list[list[str]]:
    return [await child(x, seconds) for x in range(4)]
`;

const MAIN = `
import json, sys, time
import flyte, flow
from flyte.remote import Run

config, runtime, seconds = sys.argv[1:]
flyte.init_from_config(config, images=(f"runtime={runtime}",))
run = flyte.run(flow.parent, float(seconds))
print(run.name, flush=True)
run.wait(quiet=True)
run = Run.get(run.name)
print(json.dumps({"phase": str(run.phase), "outputs": run.outputs()[0] if "SUCC" in str(run.phase).upper() else None}))
`;

suite("warm starts with podman", { skip: missingEngine(ENGINE) ?? false, timeout: 600_000 }, () => {
  test("children of a run start in workers, across a server that is killed", async (t) => {
    const data = await mkdtemp(join(tmpdir(), "boxkite-warm-"));
    t.after(() => rm(data, { recursive: true, force: true }));
    const args = ["--engine", ENGINE, "--data", join(data, "server"), "--warm-starts", "one-shot"];
    const server = await startServer(t, { args });
    await writeProgram(data, { "flow.py": FLOW, "main.py": MAIN });
    const running = runProgram(stockPython(), ["main.py", server.config, RUNTIME, "2"], {
      cwd: data,
      timeoutMs: 300_000,
    });
    const workers = join(data, "server/workers/directories");
    await until(async () => (await readdir(workers).catch(() => [])).length > 0, 120_000);
    await server.kill("SIGKILL");
    await startServer(t, { args: [...args, "--port", String(server.port)] });
    const { stdout } = succeeded(await running);
    const { phase, outputs } = JSON.parse(stdout.split("\n").at(-2) ?? "") as {
      readonly phase: string;
      readonly outputs: string[][];
    };
    assert.match(phase, /SUCCEEDED/iu);
    const warm = outputs.filter(([, , isWarm]) => isWarm === "True");
    assert.ok(warm.length >= 2, JSON.stringify(outputs));
    assert.equal(new Set(outputs.map(([action]) => action)).size, outputs.length);
    assert.equal(
      new Set(outputs.map(([, host]) => host)).size,
      outputs.length,
      "each has a container of its own",
    );
  });

  test("the root of a run starts in a worker that was made for whichever is the next", async (t) => {
    const data = await temporaryDirectory(t);
    const args = ["--engine", ENGINE, "--data", join(data, "server"), "--warm-starts", "one-shot"];
    const runs = await WarmRuns.of(await startServer(t, { args }), data, RUNTIME);
    const [first] = await runs.next("one-shot");
    assert.equal(first, undefined);
    await runs.isReady();
    const [root] = await runs.next("one-shot");
    assert.equal(root?.mode, "one_shot");
    await runs.isReady();
  });
});
