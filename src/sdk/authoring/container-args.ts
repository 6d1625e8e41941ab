/** The command line of a task's container. */
import { relative, resolve, sep } from "node:path";
import { sharedState } from "./state.ts";
import { definitionOf, type TaskDefinition } from "./task.ts";
import type { SpecSettings } from "./task-spec.ts";

/** Like that of Python's `a0`, except for the program and the resolver. */
export function containerArgs(definition: TaskDefinition, settings: SpecSettings): string[] {
  return [
    "a0-ts",
    "--inputs",
    "{{.input}}",
    "--outputs-path",
    "{{.outputPrefix}}",
    "--version",
    settings.version,
    "--raw-data-path",
    "{{.rawOutputDataPrefix}}",
    "--checkpoint-path",
    "{{.checkpointOutputPrefix}}",
    "--prev-checkpoint",
    "{{.prevCheckpointPrefix}}",
    "--run-name",
    "{{.runName}}",
    "--name",
    "{{.actionName}}",
    "--run-start-time",
    "{{.runStartTime}}",
    "--image-cache",
    settings.imageCache,
    ...(settings.bundle === undefined
      ? []
      : ["--tgz", settings.bundle.uri, "--dest", settings.bundle.destination]),
    "--resolver",
    "ts",
    "mod",
    modulePathIn(definition, settings.rootDir),
    "export",
    exportOf(definition),
  ];
}

/** Relative, with slashes: the same in every container. */
function modulePathIn(definition: TaskDefinition, rootDir: string): string {
  const path = relative(resolve(rootDir), definition.modulePath);
  if (path.startsWith("..") || resolve(path) === path) {
    throw new Error(
      `${definition.fullName} is defined in ${definition.modulePath}, outside of the root folder ${rootDir}; set rootDir in initFromConfig`,
    );
  }
  return path.split(sep).join("/");
}

/**
 * The name by which the runtime finds the task: first among the module's exports, then among the tasks that
 * the module defined. The full name, if the module has two tasks of that name.
 */
function exportOf(definition: TaskDefinition): string {
  const namesakes = [...sharedState().tasks.values()].filter((task) => {
    const other = definitionOf(task);
    return other.name === definition.name && other.modulePath === definition.modulePath;
  });
  return namesakes.length > 1 ? definition.fullName : definition.name;
}
