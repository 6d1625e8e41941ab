/** Runs a task in each image: one program of the stock SDK, with the code that it sends, against one server. */
import { runProgram, stockPython, succeeded, writeProgram } from "../../helpers/stock-sdk.ts";
import type { Kind } from "./kinds.ts";

export interface MatrixImage {
  readonly kind: Kind;
  readonly reference: string;
}

export interface SeenRun {
  /** `runs`, the code of the error, or `refused` where the call that starts a run fails for another reason than the check. */
  readonly outcome: string;
  /** What the user reads where it fails. */
  readonly text: string;
}

export interface SeenRuns {
  readonly adapted: SeenRun;
  readonly strict: SeenRun;
}

/** Those that are strict come later: what is known of an image then does not depend on which of the two was faster. */
const DRIVER = `
import asyncio, json, sys
import flyte
import tasks

async def run(name, env_vars):
    try:
        task = getattr(tasks, name)
        try:
            run = await flyte.with_runcontext(env_vars=env_vars).run.aio(task)
        except Exception as error:
            # The SDK keeps the text only. A check that takes longer than the call waits ends the attempt with the same text.
            text = str(error)
            return {"outcome": "IMAGE_CANNOT_RUN" if "no task can run in the image" in text else "refused", "text": text}
        await run.wait.aio(quiet=True)
        error = (await run.details.aio()).action_details.error_info
        if error is None or not error.message:
            outputs = await run.outputs.aio()
            assert outputs[0] == name, outputs
            return {"outcome": "runs", "text": ""}
        return {"outcome": error.code, "text": error.message}
    except Exception as error:
        return {"outcome": getattr(error, "code", None) or type(error).__name__, "text": str(error)}

async def main():
    names = json.loads(sys.argv[2])
    flyte.init_from_config(sys.argv[1])
    adapted = await asyncio.gather(*[run(name, {}) for name in names])
    strict = await asyncio.gather(*[run(name, {"BOXKITE_STRICT_IMAGE": "true"}) for name in names])
    print(json.dumps([{"adapted": one, "strict": other} for one, other in zip(adapted, strict)]))

asyncio.run(main())
`;

/** `config`: of a client of the server. In the order of the images. */
export async function runImages(
  images: readonly MatrixImage[],
  config: string,
  directory: string,
): Promise<SeenRuns[]> {
  await writeProgram(directory, { "tasks.py": tasksFor(images), "drive.py": DRIVER });
  const names = JSON.stringify(images.map(({ kind }) => taskName(kind)));
  const { stdout } = succeeded(
    await runProgram(stockPython(), ["drive.py", config, names], { cwd: directory, timeoutMs: 600_000 }),
  );
  return JSON.parse(stdout.trim().split("\n").at(-1) ?? "") as SeenRuns[];
}

function tasksFor(images: readonly MatrixImage[]): string {
  const tasks = images.map(({ kind, reference }) => {
    const name = taskName(kind);
    const template =
      kind.podTemplate === undefined ? "" : `, pod_template=${JSON.stringify(kind.podTemplate)}`;
    return `
${name}_env = flyte.TaskEnvironment(name="${kind.name}", image=${JSON.stringify(reference)}${template})

@${name}_env.task
async def ${name}() -> str:
    return "${name}"
`;
  });
  return `import flyte\n${tasks.join("")}`;
}

function taskName({ name }: Kind): string {
  return `image_${name.replaceAll("-", "_")}`;
}
