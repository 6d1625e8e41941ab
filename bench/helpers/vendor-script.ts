/** The vendor's own benchmark scripts, as they were fetched: an environment for them, and what they print. */
import { existsSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { clientConfig } from "../../test/helpers/server.ts";
import { FLYTE_IMAGE } from "./bench-images.ts";
import type { BenchContext } from "./measure.ts";
import { outputOf } from "./process.ts";
import { PYTHON, type BenchServer } from "./server.ts";

const FILES = ["_common.py", "fanout.py", "long_chain.py", "swarm.py", "concurrency.py"] as const;
/** No registry: the engine has the image under a name that is looked for nowhere else. */
const IMAGE_REGISTRY = "localhost/boxkite-bench";
const IMAGE_NAME = "vendor";
/** Port 9 is nobody's. */
const NOWHERE = "http://127.0.0.1:9";

export function missingScript(directory: string): string | undefined {
  const file = FILES.find((each) => !existsSync(join(directory, each)));
  return file === undefined ? undefined : `${directory} has no ${file}`;
}

export interface VendorResult {
  /** From before the submission until a poll found that all had ended. */
  readonly wallSeconds: number;
  /** The same without the submission. */
  readonly execSeconds: number;
}

export interface VendorScripts {
  /** Throws where a run of it failed, or it says nothing. */
  run(script: string, args: readonly string[]): Promise<VendorResult>;
}

/** On the engine the scripts' image is the one with flyte that the other benchmarks use, under their name for it. */
export async function vendorScripts(
  context: BenchContext,
  server: BenchServer,
  directory: string,
  isOnEngine: boolean,
): Promise<VendorScripts> {
  const home = await context.directory();
  const config = join(home, "config.yaml");
  await writeFile(config, clientConfig(server.port));
  const env = {
    HOME: home,
    FLYTECTL_CONFIG: config,
    FLYTE_BENCH_IMAGE_REGISTRY: IMAGE_REGISTRY,
    FLYTE_BENCH_IMAGE_NAME: IMAGE_NAME,
    PYTHONDONTWRITEBYTECODE: "1",
    // The SDK takes an image for there where no engine and no registry can be asked, and builds none.
    PATH: dirname(PYTHON),
    HTTPS_PROXY: NOWHERE,
    NO_PROXY: "localhost",
  };
  const python = (args: readonly string[]) => outputOf(PYTHON, args, { cwd: directory, env });
  if (isOnEngine) {
    const name = (await python(["-c", "import _common; print(_common.image.uri)"])).trim();
    await outputOf("podman", ["tag", FLYTE_IMAGE, name]);
    context.defer(() => outputOf("podman", ["untag", name, name]));
  }
  return { run: async (script, args) => resultIn(await python([script, ...args])) };
}

interface Result {
  readonly wall_seconds?: number;
  readonly exec_seconds?: number;
  readonly failed?: number;
  readonly timed_out?: boolean;
  readonly error?: string;
}

/** Of the line `RESULT_JSON:` that each script ends with. */
export function resultIn(output: string): VendorResult {
  const [, json] = /^RESULT_JSON:(.*)$/mu.exec(output) ?? [];
  if (json === undefined) throw new Error(`the script printed no result\n${output.slice(-2_000)}`);
  const result = JSON.parse(json) as Result;
  const { wall_seconds: wallSeconds, exec_seconds: execSeconds } = result;
  const isWhole = result.failed === 0 && result.timed_out === false;
  if (!isWhole || wallSeconds === undefined || execSeconds === undefined)
    throw new Error(`the script failed: ${result.error ?? json}`);
  return { wallSeconds, execSeconds };
}

const FIRST_PAUSE_S = 3;
const PAUSE_GROWTH = 1.3;
const LONGEST_PAUSE_S = 15;
/** Results are rounded to a tenth. */
const SLACK_S = 0.1;

export interface Between {
  readonly after: number;
  readonly until: number;
}

/**
 * Between which two polls the runs ended, in seconds after the submission: scripts poll at 0, 3, 6.9, 12.0, 18.6 … s, or later
 * by what the polls themselves take.
 */
export function pollsAround(execSeconds: number): Between {
  let [after, last, pause] = [0, 0, FIRST_PAUSE_S];
  while (last + pause <= execSeconds + SLACK_S) {
    [after, last] = [last, last + pause];
    pause = Math.min(pause * PAUSE_GROWTH, LONGEST_PAUSE_S);
  }
  return { after, until: execSeconds };
}
