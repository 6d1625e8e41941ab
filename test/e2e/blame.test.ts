/** Programs that end oddly, with the stock SDK on Podman: who is blamed, and what is said of it. */
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, suite, test, type TestContext } from "node:test";
import { engineOutput, missingEngine, removeImagesNamed } from "../helpers/engine.ts";
import { startServer, type TestServer } from "../helpers/server.ts";
import { runProgram, stockPython, succeeded, writeProgram } from "../helpers/stock-sdk.ts";

const ENGINE = "podman";
const RUNTIME = "ghcr.io/flyteorg/flyte:py3.11-v2.12.1";
const IMAGES = `localhost/boxkite-blame-${process.pid}`;

const FLOW = `
import ctypes, os, sys
import flyte
import helpers

image = flyte.Image.from_ref_name("team")
env = flyte.TaskEnvironment(name="team", image=image)
small = flyte.TaskEnvironment(name="small", image=image, resources=flyte.Resources(memory=("256Mi", "500Mi")))

@env.task
async def leave(how: str) -> str:
    print("about to leave", flush=True)
    if how == "os._exit(0)": os._exit(0)
    if how == "segmentation fault": ctypes.string_at(0)
    if how == "abort": os.abort()
    if how != "stay": sys.exit(eval(how))
    return f"{helpers.VERSION} as {os.getuid()}"

def hog(mebibytes):
    return len(bytearray(b"x") * (mebibytes << 20))

def pool(mebibytes):
    from concurrent.futures import ProcessPoolExecutor
    import multiprocessing
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("fork")) as executor:
        return executor.submit(hog, mebibytes).result()

@small.task
def worker(how: str) -> str:
    if how == "raises":
        return str(pool(1200))
    try:
        pool(1200)
    except Exception as error:
        how = type(error).__name__
    return f"{how}, then {pool(20) >> 20} MiB"
`;

const BAKED = (inputs: string) => `
import flyte
env = flyte.TaskEnvironment(name="baked", image=flyte.Image.from_ref_name("team"))
@env.task
async def main(${inputs}) -> int:
    return a
`;

const SECRETS = `
import flyte
env = flyte.TaskEnvironment(name="secrets", image="${RUNTIME}")
@env.task
async def main(a: int) -> int:
    return a
`;

const MAIN = `
import json, sys
import flyte

config, cases = sys.argv[1], json.loads(sys.argv[2])
for module, task, image, baked, inputs in cases:
    flyte.init_from_config(config, images=(f"team={image}",))
    context = {"copy_style": "none", "version": "1"} if baked else {}
    run = flyte.with_runcontext(**context).run(getattr(__import__(module), task), **inputs)
    run.wait(quiet=True)
    error = run.details().action_details.error_info
    if error:
        print(json.dumps({"code": error.code, "kind": error.kind, "message": error.message}))
    else:
        print(json.dumps({"code": "", "kind": 0, "message": run.outputs()[0]}))
`;

interface Case {
  readonly name: string;
  readonly module?: string;
  readonly task?: string;
  readonly image?: string;
  readonly isBaked?: boolean;
  readonly inputs: Readonly<Record<string, unknown>>;
  readonly code: string;
  readonly says: RegExp;
  readonly not?: RegExp;
}

const CASES: readonly Case[] = [
  {
    name: "sys.exit(0)",
    inputs: { how: "0" },
    code: "NoOutputs",
    says: /own code called sys\.exit\(0\) \(flow\.py:\d+, in leave\)/u,
    not: /ENTRYPOINT/u,
  },
  {
    name: "sys.exit with a message",
    inputs: { how: "'no table named orders'" },
    code: "ExitCode",
    says: /called sys\.exit\("no table named orders"\)/u,
  },
  { name: "sys.exit(3)", inputs: { how: "3" }, code: "ExitCode", says: /called sys\.exit\(3\)/u },
  {
    name: "os._exit(0)",
    inputs: { how: "os._exit(0)" },
    code: "NoOutputs",
    says: /own code, or a library .*its log ends with: "about to leave"/su,
    not: /ENTRYPOINT/u,
  },
  {
    name: "a segmentation fault",
    inputs: { how: "segmentation fault" },
    code: "Killed",
    says: /SIGSEGV, segmentation fault.*PYTHONFAULTHANDLER/su,
  },
  {
    name: "abort() in the first process of a container",
    inputs: { how: "abort" },
    code: "Killed",
    says: /abort\(\) in the first process/u,
  },
  {
    name: "a worker process that is killed for memory",
    task: "worker",
    inputs: { how: "raises" },
    code: "BrokenProcessPool",
    says: /hint: a process of the task.* was killed for using more memory than the limit of 500 MiB: raise it/su,
  },
  {
    name: "a task that recovers from that",
    task: "worker",
    inputs: { how: "recovers" },
    code: "",
    says: /^BrokenProcessPool, then 20 MiB$/u,
  },
  ...(["bash", "login"] as const).map((image) => ({
    name: `ENTRYPOINT of a ${image} shell with -c`,
    image,
    inputs: { how: "stay" },
    code: "ENTRYPOINT_FAILED",
    says: /ENTRYPOINT \["\/bin\/bash","-l?c"\] .*does not pass on its arguments/u,
  })),
  {
    name: "an ENTRYPOINT that is a service",
    image: "service",
    inputs: { how: "stay" },
    code: "ENTRYPOINT_FAILED",
    says: /ENTRYPOINT \["python","-m","http\.server"\] .*the task never began.*invalid int value: 'a0'/u,
    not: /is flyte installed/u,
  },
  {
    name: "a script with Windows line ends",
    image: "windows",
    inputs: { how: "stay" },
    code: "ENTRYPOINT_NOT_FOUND",
    says: /\/entry\.sh.*Windows line ends/su,
  },
  {
    name: "a script that calls what is not installed",
    image: "missing",
    inputs: { how: "stay" },
    code: "ENTRYPOINT_NOT_FOUND",
    says: /`gunicorn` was not found.*\/entry\.sh/su,
    not: /is flyte installed/u,
  },
  {
    name: "an input that the image's code does not know",
    module: "baked",
    task: "main",
    image: "stale",
    isBaked: true,
    inputs: { a: 1, extra: 2 },
    code: "ExitCode",
    says: /Received more input values 2 .*inputs, which are a, extra, .* takes 1; the code in \S+\/stale:1 is older/su,
  },
  {
    name: "an older copy of a module in the image: the sent one is loaded",
    image: "shadowed",
    inputs: { how: "stay" },
    code: "",
    says: /^sent today as \d+$/u,
  },
  {
    name: "a numeric USER without an entry in /etc/passwd, and no HOME",
    image: "nobody",
    inputs: { how: "stay" },
    code: "",
    says: /^sent today as 1000670000$/u,
  },
];

const FILES = {
  "flow.py": FLOW,
  "main.py": MAIN,
  "helpers.py": 'VERSION = "sent today"\n',
  "baked.py": BAKED("a: int, extra: int = 3"),
  "secrets/secrets.py": SECRETS,
  "image/windows.sh": '#!/bin/sh\r\nexec "$@"\r\n',
  "image/missing.sh": "#!/bin/sh\ngunicorn app:app\n",
  "image/baked.py": BAKED("a: int"),
  "image/helpers.py": 'VERSION = "baked months ago"\n',
};

const DOCKERFILES: Readonly<Record<string, string>> = {
  bash: 'ENTRYPOINT ["/bin/bash", "-c"]',
  login: 'ENTRYPOINT ["/bin/bash", "-lc"]',
  service: 'ENTRYPOINT ["python", "-m", "http.server"]',
  windows: 'COPY --chmod=755 windows.sh /entry.sh\nENTRYPOINT ["/entry.sh"]',
  missing: 'COPY --chmod=755 missing.sh /entry.sh\nENTRYPOINT ["/entry.sh"]',
  stale: "WORKDIR /srv\nCOPY baked.py .",
  shadowed: "COPY helpers.py /opt/lib/\nENV PYTHONPATH=/opt/lib\nRUN mkdir -m 777 /work\nWORKDIR /work",
  nobody: "RUN mkdir -m 775 /srv/work\nENV HOME=\nWORKDIR /srv/work\nUSER 1000670000:0",
};

suite("blame on podman", { skip: missingEngine(ENGINE) ?? false }, () => {
  const cleanups: (() => unknown)[] = [];
  let scratch = "";
  let server: TestServer;

  before(async () => {
    scratch = await mkdtemp(join(tmpdir(), "boxkite-blame-"));
    const dockerfiles = Object.entries(DOCKERFILES).map(([name, lines]) => [
      `image/${name}.Dockerfile`,
      `FROM ${RUNTIME}\nUSER root\n${lines}\n`,
    ]);
    await writeProgram(scratch, { ...FILES, ...Object.fromEntries(dockerfiles) });
    for (const name of Object.keys(DOCKERFILES)) {
      const file = join(scratch, "image", `${name}.Dockerfile`);
      const options = ["--pull=never", "--file", file, "--tag", `${IMAGES}/${name}:1`];
      await engineOutput(ENGINE, ["build", ...options, join(scratch, "image")]);
    }
    server = await startServer(
      { after: (end: () => unknown) => cleanups.push(end) } as unknown as TestContext,
      // Nothing is adapted, and nobody has checked the images before.
      { args: ["--engine", ENGINE, "--ephemeral", "--no-image-check", "--strict-images"] },
    );
  });

  after(async () => {
    for (const end of cleanups.toReversed()) await end();
    await removeImagesNamed(ENGINE, [`${IMAGES}/`]);
    await rm(scratch, { recursive: true, force: true });
  });

  const answers = async (cases: readonly Case[]): Promise<readonly string[]> => {
    const wanted = cases.map(({ module = "flow", task = "leave", image, isBaked, inputs }) => [
      module,
      task,
      image === undefined ? RUNTIME : `${IMAGES}/${image}:1`,
      isBaked ?? false,
      inputs,
    ]);
    const args = ["main.py", server.config, JSON.stringify(wanted)];
    const result = succeeded(await runProgram(stockPython(), args, { cwd: scratch }));
    return result.stdout.trim().split("\n").slice(-cases.length);
  };

  test("each end is blamed on the right one, in words that help", async () => {
    for (const [index, line] of (await answers(CASES)).entries()) checkAnswer(CASES[index], line);
  });

  test("a program called like a standard module, started by flyte run", async () => {
    const flyte = join(stockPython(), "../flyte");
    const args = ["--config", server.config, "run", "--follow", "secrets.py", "main", "--a", "1"];
    const { stdout, stderr } = await runProgram(flyte, args, { cwd: join(scratch, "secrets") });
    const said = `${stdout}${stderr}`.replaceAll(/\s+/gu, " ");
    assert.match(said, /secrets is also a module of Python's standard library/u);
    assert.doesNotMatch(said, /copy_style/u);
  });
});

function checkAnswer(wanted: Case | undefined, line: string): void {
  assert.ok(wanted);
  const { code, kind, message } = JSON.parse(line) as { code: string; kind: number; message: string };
  const told = `${wanted.name}: ${code}: ${message}`;
  assert.deepEqual([code, kind], [wanted.code, wanted.code === "" ? 0 : 1], told);
  assert.match(message, wanted.says, told);
  if (wanted.not !== undefined) assert.doesNotMatch(message, wanted.not, told);
}
