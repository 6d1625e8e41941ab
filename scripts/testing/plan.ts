/** Which test files run in which order, and which share a process. */
import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { stockPython } from "../../test/helpers/stock-sdk.ts";
import { packedTarball } from "../../test/sdk/helpers/package.ts";

/** Test files for one worker, which runs one job at a time. */
export interface Job {
  readonly files: readonly string[];
  /** One process for all files: a process for each costs more than most unit tests do. */
  readonly sharesProcess: boolean;
}

export interface Stage {
  readonly name: string;
  /** One worker takes them from the start, the other from the end (`work.ts`). */
  readonly jobs: readonly Job[];
  /** Prepares what several jobs need, so that they do not do it at the same time. */
  readonly prepare?: () => void;
}

/** A test file that needs the container engine imports one of these helpers. */
const ENGINE_HELPERS = /from ".*\/(?:engine|engine-for-tests|dockerd)\.ts"/u;

/** The stages for the arguments: one for each file that is named, else the stages that are named, else all. */
export function planStages(wanted: readonly string[], root: string): Stage[] {
  const files = wanted.filter((name) => name.endsWith(".ts"));
  if (files.length > 0) return files.map((file) => ({ name: file, jobs: [ownProcess(file)] }));
  const stages = [unitStage(root), integrationStage(root)];
  return stages.filter(({ name }) => wanted.length === 0 || wanted.includes(name));
}

const ownProcess = (file: string): Job => ({ files: [file], sharesProcess: false });

function unitStage(root: string): Stage {
  const files = globSync("{src,scripts,bench}/**/*.test.ts", { cwd: root }).toSorted();
  // Alternately, because the files of a folder take similar time.
  const half = (turn: number): Job => ({
    files: files.filter((_, index) => index % 2 === turn),
    sharesProcess: true,
  });
  return { name: "unit", jobs: [half(0), half(1)] };
}

/**
 * Files that need the engine come first: as long as there are others, only one of the two workers loads the engine, and
 * the short files are left for the point where the workers meet.
 */
function integrationStage(root: string): Stage {
  const files = globSync("test/**/*.test.ts", { cwd: root }).toSorted();
  const needsEngine = (file: string) => ENGINE_HELPERS.test(readFileSync(join(root, file), "utf8"));
  const { engine = [], others = [] } = Object.groupBy(files, (file) =>
    needsEngine(file) ? "engine" : "others",
  );
  return { name: "integration", jobs: [...engine, ...others].map(ownProcess), prepare };
}

function prepare(): void {
  stockPython();
  process.env["BOXKITE_TEST_TARBALL"] = packedTarball();
}
