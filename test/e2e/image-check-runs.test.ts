/** Images are checked before a run starts: with the stock SDK and Podman, where nothing was pulled or read before. */
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, suite, test, type TestContext } from "node:test";
import { engineOutput, missingEngine, removeImagesNamed } from "../helpers/engine.ts";
import { startServer, type TestServer } from "../helpers/server.ts";
import { until } from "../helpers/until.ts";
import { runProgram, stockPython, writeProgram } from "../helpers/stock-sdk.ts";

const ENGINE = "podman";
const RUNTIME = "ghcr.io/flyteorg/flyte:py3.11-v2.12.1";
const IMAGES = `localhost/boxkite-check-runs-${process.pid}`;

const FLOW = `
import flyte

env = flyte.TaskEnvironment(name="child", image=flyte.Image.from_ref_name("child"))
outer = flyte.TaskEnvironment(name="outer", image=flyte.Image.from_ref_name("own"), depends_on=[env])

@env.task
async def child(x: int) -> int:
    return x

@outer.task
async def parent(call: bool) -> str:
    if not call:
        return "called nothing"
    try:
        return str(await child(1))
    except Exception as error:
        return f"{type(error).__name__}: {error}"
`;

const MAIN = `
import json, sys, time
import flyte, flow

config, own, child, call, strict = sys.argv[1:]
flyte.init_from_config(config, images=(f"own={own}", f"child={child}"))
start = time.time()
answer = {}
try:
    run = flyte.with_runcontext(copy_style="none", version="1", env_vars={"BOXKITE_STRICT_IMAGE": strict}).run(flow.parent, call=call == "call")
    answer["url"] = run.url
    run.wait(quiet=True)
    answer["returned"] = run.outputs()[0]
except Exception as error:
    answer["raised"] = f"{type(error).__name__}: {error}"
answer["seconds"] = time.time() - start
print(json.dumps(answer))
`;

/** The code is in the images, so that a WORKDIR which cannot be written to keeps no task from running. */
const CODE = "ENV PYTHONPATH=/opt/code\nCOPY flow.py /opt/code/";
const DOCKERFILES: Readonly<Record<string, string>> = {
  good: `FROM ${RUNTIME}\nUSER root\n${CODE}\nWORKDIR /opt/code`,
  locked: `FROM ${RUNTIME}\nUSER root\n${CODE}\nRUN mkdir -m 755 /srv/locked\nWORKDIR /srv/locked\nUSER 1000`,
  old: `FROM ${RUNTIME}
USER root
${CODE}
RUN cd "$(python -c 'import os, flyte; print(os.path.dirname(os.path.dirname(flyte.__file__)))')" && mv flyte-2.12.1.dist-info flyte-2.0.12.dist-info && sed -i "s/^Version: .*/Version: 2.0.12/" flyte-2.0.12.dist-info/METADATA`,
};

interface Answer {
  readonly url?: string;
  readonly returned?: string;
  readonly raised?: string;
  readonly seconds: number;
}

suite("images are checked before a run starts", { skip: missingEngine(ENGINE) ?? false }, () => {
  const cleanups: (() => unknown)[] = [];
  let scratch = "";
  let server: TestServer;

  before(async () => {
    scratch = await mkdtemp(join(tmpdir(), "boxkite-check-runs-"));
    const files = Object.entries(DOCKERFILES).map(([name, lines]) => [`${name}.Dockerfile`, `${lines}\n`]);
    await writeProgram(scratch, { "flow.py": FLOW, "main.py": MAIN, ...Object.fromEntries(files) });
    for (const name of Object.keys(DOCKERFILES)) {
      const file = join(scratch, `${name}.Dockerfile`);
      const options = ["--quiet", "--pull=never", "--isolation=chroot", "--file", file];
      await engineOutput(ENGINE, ["build", ...options, "--tag", `${IMAGES}/${name}:1`, scratch]);
    }
    server = await startServer(
      { after: (end: () => unknown) => cleanups.push(end) } as unknown as TestContext,
      { args: ["--engine", ENGINE, "--ephemeral"] },
    );
  });

  after(async () => {
    for (const end of cleanups.toReversed()) await end();
    await removeImagesNamed(ENGINE, [`${IMAGES}/`]);
    await rm(scratch, { recursive: true, force: true });
  });

  const start = async (
    own: string,
    child: string,
    { calls = false, isStrict = false } = {},
  ): Promise<Answer> => {
    const args = ["main.py", server.config, own, child, calls ? "call" : "", String(isStrict)];
    const { stdout, stderr } = await runProgram(stockPython(), args, { cwd: scratch });
    const answer = JSON.parse(stdout.trim().split("\n").at(-1) || "null") as Answer | null;
    assert.ok(answer, stderr);
    return answer;
  };
  const image = (name: string) => `${IMAGES}/${name}:1`;

  test("a run is refused for an old flyte in its image, and for an image that is not there", async () => {
    let old = await start(image("old"), image("good"));
    // The first container of it may take longer than the server waits where the machine is busy.
    if (old.url !== undefined) old = await start(image("old"), image("good"));
    assert.match(
      old.raised ?? "",
      /no task can run in the image \S+\/old:1: flyte 2\.0\.12 .*cannot call this server/su,
    );
    assert.match(old.raised ?? "", /hint: in its Dockerfile: RUN \S*python\S* -m pip install flyte==/u);
    const missing = await start(image("good"), image("missing"));
    assert.match(missing.raised ?? "", /podman has no image \S+\/missing:1/u);
    for (const { url, seconds } of [old, missing]) {
      assert.equal(url, undefined);
      assert.ok(seconds < 15, `refused after ${seconds} s`);
    }
  });

  test("what may still work is a note on the page of the run", async () => {
    const { url, returned, raised } = await start(image("locked"), image("good"), { isStrict: true });
    assert.equal(returned, "called nothing", raised);
    const says = /<section id="notes".*\/locked:1.*may not write to its WORKDIR \/srv\/locked/su;
    await until(async () => says.test(await (await fetch(url ?? "")).text()));
  });

  test("a child is refused when it is started, and its parent gets the error", async () => {
    const bare = "docker.io/library/debian:12-slim";
    const { returned, raised } = await start(image("good"), bare, { calls: true });
    assert.match(
      returned ?? raised ?? "",
      /^RuntimeSystemError: .*no task can run in the image \S+debian:12-slim: it has no Python.*hint: in its Dockerfile: RUN /su,
    );
  });
});
