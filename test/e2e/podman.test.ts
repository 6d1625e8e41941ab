/**
 * The stock SDK against a real engine: failures around an image (their code, kind and message, and after how many
 * seconds: it prints the table of docs/errors.md), from where the server can be reached, and a server that is killed.
 */
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, suite, test, type TestContext } from "node:test";
import {
  engineCommand,
  engineOutput,
  insecureRegistryEnv,
  listContainers,
  missingEngine,
  removeImagesNamed,
} from "../helpers/engine.ts";
import { missingRegistry, startRegistry, type TestRegistry } from "../helpers/registry.ts";
import { startServer, type TestServer } from "../helpers/server.ts";
import { runProgram, stockPython, succeeded, writeProgram } from "../helpers/stock-sdk.ts";
import { until } from "../helpers/until.ts";

const ENGINE = "podman";
/** Any image with the stock runtime: the SDK's own default, or its stand-in. */
const RUNTIME = "ghcr.io/flyteorg/flyte:py3.11-v2.12.1";
const skip = missingRegistry() ?? missingEngine(ENGINE);

interface Row {
  readonly name: string;
  /** The image of the failing task. `odd`: a registry that answers oddly, or not at all, by the first part of the path. */
  readonly image: (registry: string, odd: string) => string;
  readonly task: string;
  readonly code: RegExp;
  readonly message: RegExp;
  /** @default user */
  readonly kind?: "system";
  /** Class of the exception in the parent. */
  readonly raises: string;
  readonly copyStyle?: "none";
}

/** docs/errors.md states it: the retries of what may pass by itself end by then. */
const REPORTED_WITHIN_SECONDS = 60;

const ROWS: readonly Row[] = [
  {
    name: "the image does not exist",
    image: (registry) => `${registry}/team/nope:1`,
    task: "fine",
    code: /^ImagePullBackOff$/u,
    message: /team\/nope/u,
    raises: "ImagePullBackOffError",
  },
  {
    name: "the registry cannot be reached",
    image: () => "localhost:1/team/image:1",
    task: "fine",
    code: /^REGISTRY_UNREACHABLE$/u,
    message: /localhost:1/u,
    kind: "system",
    raises: "RuntimeSystemError",
  },
  {
    name: "the registry accepts requests and stays silent",
    image: (_registry, odd) => `${odd}/silent/image:1`,
    task: "fine",
    code: /^REGISTRY_UNREACHABLE$/u,
    message: /no answer within 10 s, and none to a second request.*overloaded/su,
    kind: "system",
    raises: "RuntimeSystemError",
  },
  {
    name: "the registry's rate limit is reached",
    image: (_registry, odd) => `${odd}/limited/image:1`,
    task: "fine",
    code: /^REGISTRY_RATE_LIMITED$/u,
    message: /limit is reached.*hint: .*login.*or wait 60 min/su,
    kind: "system",
    raises: "RuntimeSystemError",
  },
  {
    name: "a sign-in page answers instead of the registry",
    image: (_registry, odd) => `${odd}/page/image:1`,
    task: "fine",
    code: /^REGISTRY_UNREACHABLE$/u,
    message: /not a registry that answers: a page titled "Sign in".*hint: .*sign-in page/su,
    kind: "system",
    raises: "RuntimeSystemError",
  },
  {
    name: "the reference is malformed",
    image: (registry) => `${registry}/Team/Image:1`,
    task: "fine",
    code: /^InvalidImageName$/u,
    message: /lower/u,
    raises: "InvalidImageNameError",
  },
  {
    name: "a0 is not in the image",
    image: () => "docker.io/library/debian:12-slim",
    task: "fine",
    code: /^ENTRYPOINT_NOT_FOUND$/u,
    message: /a0.*flyte.*PATH/su,
    raises: "RuntimeUserError",
  },
  {
    name: "an ENTRYPOINT that swallows its arguments",
    image: (registry) => `${registry}/swallows:1`,
    task: "fine",
    code: /^NoOutputs$/u,
    message: /ENTRYPOINT/u,
    raises: "RuntimeUserError",
  },
  {
    name: "the image is for another architecture",
    image: (registry) => `${registry}/foreign:1`,
    task: "fine",
    code: /^ImagePullBackOff$|^WRONG_ARCHITECTURE$/u,
    message: /arm64/u,
    raises: "ImagePullBackOffError",
  },
  {
    name: "the module is not in the image",
    image: () => RUNTIME,
    task: "fine",
    copyStyle: "none",
    code: /^ModuleNotFoundError$/u,
    message: /(No module named|not found).*hint: is the task's module in .*PYTHONPATH/su,
    raises: "RuntimeUserError",
  },
  {
    // The runtime lists every file below its working directory: more than a megabyte of them.
    name: "the module is not in the image, whose WORKDIR is /",
    image: (registry) => `${registry}/rooted:1`,
    task: "fine",
    copyStyle: "none",
    code: /^ModuleNotFoundError$/u,
    message: /^.*\[… \d{6,} characters left out …\].*hint: is the task's module in /su,
    raises: "RuntimeUserError",
  },
  {
    name: "the image's USER may not write to its WORKDIR",
    image: (registry) => `${registry}/locked:1`,
    task: "fine",
    code: /^PermissionError$/u,
    message: /hint: the USER of \S+\/locked:1 may not write to its WORKDIR/u,
    raises: "RuntimeUserError",
  },
  {
    name: "the task raised",
    image: () => RUNTIME,
    task: "raises",
    code: /^ValueError$/u,
    message: /x is 1/u,
    raises: "RuntimeUserError",
  },
  {
    name: "killed for its memory limit",
    image: () => RUNTIME,
    task: "hungry",
    code: /^OOMKilled$/u,
    message: /memory/u,
    raises: "OOMError",
  },
  {
    name: "the process ended without an error",
    image: () => RUNTIME,
    task: "leaves",
    code: /^ExitCode$/u,
    message: /code 3/u,
    raises: "RuntimeUserError",
  },
];

const FLOW = `
import asyncio, atexit, os
import flyte

env = flyte.TaskEnvironment(name="broken", image=flyte.Image.from_ref_name("broken"))
small = flyte.TaskEnvironment(
    name="small", image=flyte.Image.from_ref_name("broken"), resources=flyte.Resources(memory=("200Mi", "200Mi"))
)
outer = flyte.TaskEnvironment(name="outer", image=flyte.Image.from_ref_name("runtime"), depends_on=[env, small])

@env.task
async def fine(x: int) -> int:
    return x

@env.task
async def raises(x: int) -> int:
    raise ValueError(f"x is {x}")

@small.task
async def hungry(x: int) -> int:
    held = []
    while True:
        held.append(bytearray(10_000_000))

@env.task
async def leaves(x: int) -> int:
    os._exit(3)

@env.task
async def leaves_late(x: int) -> int:
    atexit.register(os._exit, 3)
    return x

@outer.task
async def parent(which: str) -> str:
    try:
        await globals()[which](1)
    except Exception as error:
        return type(error).__name__
    return "nothing"
`;

const MAIN = `
import json, sys, time
import flyte, flow
from flyte.remote import Action, ActionDetails

config, broken, runtime, task, copy_style = sys.argv[1:]
flyte.init_from_config(config, images=(f"broken={broken}", f"runtime={runtime}"))
context = {"copy_style": "none", "version": "1"} if copy_style == "none" else {}
start = time.time()
run = flyte.with_runcontext(**context).run(getattr(flow, task), x=1)
run.wait(quiet=True)
seconds = time.time() - start
details = run.details().action_details
error = details.error_info
print(json.dumps({"phase": str(run.phase), "code": error.code, "message": error.message, "kind": error.kind, "seconds": seconds}))
`;

const PARENT = `
import json, sys
import flyte, flow
config, broken, runtime, task = sys.argv[1:]
flyte.init_from_config(config, images=(f"broken={broken}", f"runtime={runtime}"))
run = flyte.run(flow.parent, which=task)
run.wait(quiet=True)
print(json.dumps({"raised": run.outputs()[0]}))
`;

interface Failure {
  readonly phase: string;
  readonly code: string;
  readonly message: string;
  readonly kind: number;
  readonly seconds: number;
}

/** A server that is taken for a registry; its host and port. */
async function startOddRegistry(cleanups: (() => unknown)[]): Promise<string> {
  const server = createServer((request, response) => {
    const [, , how] = (request.url ?? "").split("/");
    if (how === "silent") return;
    if (how === "limited") response.writeHead(429, { "Retry-After": "3600" });
    if (how === "page") response.writeHead(200, { "Content-Type": "text/html" });
    response.end(how === "page" ? "<html><title>Sign in</title></html>" : "{}");
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  cleanups.push(() => {
    server.close();
    server.closeAllConnections();
  });
  return `127.0.0.1:${(server.address() as AddressInfo).port}`;
}

suite("errors on podman", { skip: skip ?? false }, () => {
  const cleanups: (() => unknown)[] = [];
  const table: string[] = [];
  let scratch = "";
  let python = "";
  let registry: TestRegistry;
  let odd = "";
  let server: TestServer;

  before(async () => {
    scratch = await mkdtemp(join(tmpdir(), "boxkite-errors-"));
    python = stockPython();
    registry = await startRegistry(join(scratch, "registry"));
    odd = await startOddRegistry(cleanups);
    const env = await insecureRegistryEnv(scratch, registry.host);
    await writeProgram(scratch, {
      "flow.py": FLOW,
      "main.py": MAIN,
      "parent.py": PARENT,
      "swallows/Containerfile": `FROM ${RUNTIME}\nENTRYPOINT ["true"]\n`,
      "rooted/Containerfile": `FROM ${RUNTIME}\nUSER root\nWORKDIR /\n`,
      "locked/Containerfile": `FROM ${RUNTIME}\nUSER root\nRUN mkdir /srv/locked\nWORKDIR /srv/locked\nUSER 1000\n`,
      "foreign/Containerfile": "FROM scratch\nCOPY Containerfile /\n",
    });
    for (const [name, platform] of [
      ["swallows", []],
      ["rooted", []],
      ["locked", []],
      ["foreign", ["--platform", "linux/arm64"]],
    ] as const) {
      const image = `${registry.host}/${name}:1`;
      await engineOutput(
        ENGINE,
        ["build", "--pull=never", ...platform, "-t", image, join(scratch, name)],
        env,
      );
      await engineOutput(ENGINE, ["push", image], env);
      await engineCommand(ENGINE, ["rmi", "--force", image]);
    }
    server = await startServer(
      { after: (end: () => unknown) => cleanups.push(end) } as unknown as TestContext,
      {
        // What an attempt reports of its image where nobody has checked that before, and nothing is adapted.
        args: ["--engine", ENGINE, "--ephemeral", "--no-image-check", "--strict-images"],
        env,
      },
    );
  });

  after(async () => {
    for (const end of cleanups.toReversed()) await end();
    await registry?.stop();
    if (registry) await removeImagesNamed(ENGINE, [`${registry.host}/`]);
    await rm(scratch, { recursive: true, force: true });
    console.log(["what happened | phase | code | kind | seconds", ...table].join("\n"));
  });

  const failureOf = async (image: string, task: string, copyStyle = ""): Promise<Failure> => {
    const args = ["main.py", server.config, image, RUNTIME, task, copyStyle];
    const result = succeeded(await runProgram(python, args, { cwd: scratch }));
    return JSON.parse(result.stdout.trim().split("\n").at(-1) ?? "") as Failure;
  };

  for (const row of ROWS) {
    test(row.name, async () => {
      const error = await failureOf(row.image(registry.host, odd), row.task, row.copyStyle);
      table.push(
        [
          row.name,
          error.phase,
          error.code,
          error.kind === 1 ? "user" : "system",
          error.seconds.toFixed(1),
        ].join(" | "),
      );
      assert.match(error.phase.toLowerCase(), /failed/u);
      assert.match(error.code, row.code);
      assert.match(error.message, row.message);
      assert.equal(error.kind, row.kind === "system" ? 2 : 1);
      assert.ok(error.message.length < 20_000);
      assert.ok(error.seconds <= REPORTED_WITHIN_SECONDS, `reported after ${error.seconds} s`);
    });
  }

  test("the parent gets the SDK's own exception", async () => {
    for (const row of ROWS.filter(({ name }) => /does not exist|a0 is not|memory/u.test(name))) {
      const args = ["parent.py", server.config, row.image(registry.host, odd), RUNTIME, row.task];
      const result = succeeded(await runProgram(python, args, { cwd: scratch }));
      assert.equal(
        (JSON.parse(result.stdout.trim().split("\n").at(-1) ?? "") as { raised: string }).raised,
        row.raises,
        row.name,
      );
    }
  });

  test("a crash at the exit of the process does not fail an action that has completed", async () => {
    const args = ["parent.py", server.config, RUNTIME, RUNTIME, "leaves_late"];
    const result = succeeded(await runProgram(python, args, { cwd: scratch }));
    assert.match(result.stdout, /"raised": "nothing"/u);
  });

  test("the server is reached through the bridge, not at this machine's other addresses", async () => {
    const port = String(server.port);
    const fromContainer = (host: string) =>
      engineCommand(ENGINE, [
        "run",
        "--rm",
        "--network=podman",
        "--entrypoint",
        "python",
        RUNTIME,
        "-c",
        `import urllib.request; print(urllib.request.urlopen("http://${host}:${port}/healthz", timeout=5).read().decode())`,
      ]);
    const gateway = await engineOutput(ENGINE, [
      "network",
      "inspect",
      "--format",
      "{{(index .Subnets 0).Gateway}}",
      "podman",
    ]);
    assert.match((await fromContainer(gateway)).stdout, /ok/u);
    const { networkInterfaces } = await import("node:os");
    const lan = Object.entries(networkInterfaces())
      .filter(([name]) => !/^(lo|podman|docker|cni|veth)/u.test(name))
      .flatMap(([, addresses]) => addresses ?? [])
      .find(({ family, internal }) => family === "IPv4" && !internal);
    if (lan === undefined) return;
    await assert.rejects(
      fetch(`http://${lan.address}:${port}/healthz`, { signal: AbortSignal.timeout(5_000) }),
    );
    assert.notEqual((await fromContainer(lan.address)).code, 0);
  });

  test("kill -9 of the server in mid-run: containers go on, and each task runs once", async (t) => {
    const env = await insecureRegistryEnv(scratch, registry.host);
    const data = join(scratch, "data");
    const args = ["--engine", ENGINE, "--data", data];
    const first = await startServer(t, { args, env });
    await writeProgram(scratch, {
      "crash/flow.py": `
import asyncio, os, flyte
env = flyte.TaskEnvironment(name="e", image="${RUNTIME}")

@env.task
async def slow(i: int) -> str:
    print("slow began", i)
    await asyncio.sleep(15)
    return os.environ["ACTION_NAME"]

@env.task
async def parent(n: int) -> list[str]:
    return list(await asyncio.gather(*[slow(i) for i in range(n)]))
`,
      "crash/main.py": `
import json, sys, flyte, flow
flyte.init_from_config(sys.argv[1])
run = flyte.with_runcontext(name=sys.argv[2]).run(flow.parent, n=2)
run.wait(quiet=True)
run.raise_for_status()
print(json.dumps(run.outputs()[0]))
`,
    });
    const name = `crashes-${first.port}`;
    const client = runProgram(python, ["main.py", first.config, name], { cwd: join(scratch, "crash") });
    const list = (...args: string[]) =>
      listContainers(ENGINE, ["--quiet", ...args, "--filter", `label=dev.boxkite.run=${name}`]);
    // Often the root, a child and the worker that is made for the other child.
    await until(async () => (await list()).length >= 3);
    await first.kill("SIGKILL");
    const second = await startServer(t, { args: [...args, "--port", String(first.port)], env });
    const output = succeeded(await client)
      .stdout.trim()
      .split("\n")
      .at(-1);
    const children = JSON.parse(output ?? "") as string[];
    const run = `${second.ready.url}/v2/domain/development/project/flytesnacks/runs/${name}`;
    const log = (child: string | undefined, attempt: number) =>
      fetch(`${run}/log?i=${child}&attempt=${attempt}`);
    for (const i of [0, 1]) {
      const text = await (await log(children[i], 1)).text();
      assert.deepEqual(text.match(/slow began \d/gu), [`slow began ${i}`]);
      assert.equal((await log(children[i], 2)).status, 404, "it had one attempt");
    }
    // The containers of ended attempts are removed.
    await until(async () => (await list("--all")).length === 0);
  });
});
