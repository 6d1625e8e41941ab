/** Selects the files of a run's code. */
import { collectAll, collectIncluded } from "./collect-files.ts";
import { collectModules } from "./collect-modules.ts";
import { definitionOf } from "../authoring/task.ts";
import type { TaskEnvironment } from "../authoring/task-environment.ts";

/** Relative to `rootDir`, sorted: the code of these environments, and what they include besides. */
export function codeFilesOf(
  environments: readonly TaskEnvironment[],
  copyStyle: "loaded_modules" | "all",
  rootDir: string,
): readonly string[] {
  const included = collectIncluded(
    rootDir,
    environments.flatMap((environment) => environment.include),
  );
  const code = copyStyle === "all" ? collectAll(rootDir) : collectModules(rootDir, modulesOf(environments));
  return [...new Set([...code, ...included])].sort();
}

function modulesOf(environments: readonly TaskEnvironment[]): string[] {
  return environments.flatMap((environment) =>
    environment.tasks.map((task) => definitionOf(task).modulePath),
  );
}
