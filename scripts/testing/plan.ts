/** Which test files run, which of them at the same time, and which share a process. */
import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { stockPython } from "../../test/helpers/stock-sdk.ts";

/** Files that run one after the other. */
export interface Lane {
  readonly name: string;
  readonly files: readonly string[];
  /** One process for all: one for each costs more than most unit tests do. */
  readonly sharesProcess: boolean;
}

export interface Stage {
  readonly name: string;
  /** They run at the same time: as many as CI's machine has processors. */
  readonly lanes: readonly Lane[];
  /** Makes what the lanes would otherwise make at the same time. */
  readonly prepare?: () => void;
}

/** By them a test file says that it needs the container engine. */
const ENGINE_HELPERS = /from ".*\/(?:engine|engine-for-tests|dockerd)\.ts"/u;

/** What the arguments ask for: single files, each in a process of its own, or stages by name; all of them without any. */
export function planStages(wanted: readonly string[], root: string): Stage[] {
  const files = wanted.filter((name) => name.endsWith(".ts"));
  if (files.length > 0)
    return files.map((file) => ({
      name: file,
      lanes: [{ name: file, files: [file], sharesProcess: false }],
    }));
  const stages = [unitStage(root), integrationStage(root)];
  return stages.filter(({ name }) => wanted.length === 0 || wanted.includes(name));
}

function unitStage(root: string): Stage {
  const files = globSync("{src,scripts}/**/*.test.ts", { cwd: root }).toSorted();
  // In turn, so that neighbours, which are often alike in cost, come apart.
  const lane = (name: string, turn: number) => ({
    name,
    files: files.filter((_, index) => index % 2 === turn),
    sharesProcess: true,
  });
  return { name: "unit", lanes: [lane("one half", 0), lane("other half", 1)] };
}

/** The engine is one for all: its tests count containers, and remove images that others stand on. The rest goes on beside them. */
function integrationStage(root: string): Stage {
  const files = globSync("test/**/*.test.ts", { cwd: root }).toSorted();
  const needsEngine = (file: string) => ENGINE_HELPERS.test(readFileSync(join(root, file), "utf8"));
  const lane = (name: string, withEngine: boolean) => ({
    name,
    files: files.filter((file) => needsEngine(file) === withEngine),
    sharesProcess: false,
  });
  return {
    name: "integration",
    lanes: [lane("engine", true), lane("no engine", false)],
    prepare: stockPython,
  };
}
