/** Finds the task of `mod <path> export <name>`: imports the module, TypeScript or not. */
import { existsSync, readdirSync } from "node:fs";
import { registerHooks } from "node:module";
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { sharedState } from "../sdk/authoring/state.ts";
import { definitionOf, isTask, TASK, type TaskDefinition } from "../sdk/authoring/task.ts";

/** The module, or the task in it, does not exist. The message lists what does. */
class TaskLoadError extends Error {
  override readonly name = "TaskLoadError";
}

/** Of a process that runs several actions: what was found does not change. */
const definitions = new Map<string, TaskDefinition>();

/** Paths are relative to `folder`. A module named `x.ts` may have been compiled to `x.js`, or the reverse. */
export async function loadTask(
  modulePath: string,
  exportName: string,
  folder: string,
): Promise<TaskDefinition> {
  const key = JSON.stringify([folder, modulePath, exportName]);
  const known = definitions.get(key);
  if (known !== undefined) return known;
  const definition = await findTask(modulePath, exportName, folder);
  definitions.set(key, definition);
  return definition;
}

async function findTask(modulePath: string, exportName: string, folder: string): Promise<TaskDefinition> {
  resolveFromRuntime();
  const path = existingPath(modulePath, folder);
  const namespace = (await import(pathToFileURL(path).href)) as Record<string, unknown>;
  const exported = namespace[exportName];
  if (isTask(exported) && exported[TASK].defined === "here") return definitionOf(exported);
  // By the task's name, where it is not exported or exported under another name.
  const tasks = [...sharedState().tasks.values()].map(definitionOf);
  const own = tasks.filter(
    (task) =>
      task.modulePath === path ||
      Object.values(namespace).some((value) => isTask(value) && value[TASK] === task),
  );
  const found =
    tasks.find((task) => task.fullName === exportName) ??
    own.find((task) => task.name === exportName) ??
    only(tasks.filter((task) => task.name === exportName));
  if (found !== undefined) return found;
  throw new TaskLoadError(
    `${modulePath} neither exports nor defines a task ${exportName}; it defines ${own.map((task) => task.name).join(", ") || "none"}`,
  );
}

function only<T>(items: readonly T[]): T | undefined {
  return items.length === 1 ? items[0] : undefined;
}

const ALTERNATIVES: readonly (readonly [RegExp, string])[] = [
  [/\.ts$/, ".js"],
  [/\.mts$/, ".mjs"],
  [/\.js$/, ".ts"],
  [/\.mjs$/, ".mts"],
];

function existingPath(modulePath: string, folder: string): string {
  const path = resolve(folder, modulePath);
  if (existsSync(path)) return path;
  for (const [pattern, replacement] of ALTERNATIVES) {
    const other = path.replace(pattern, replacement);
    if (other !== path && existsSync(other)) return other;
  }
  throw new TaskLoadError(
    `there is no module ${modulePath} in ${resolve(folder)}\nfiles there:\n${listing(folder)}\n` +
      "The path is relative to the image's WORKDIR: is the code copied there, or is WORKDIR not set?",
  );
}

function listing(folder: string): string {
  const names = readdirSync(folder, { withFileTypes: true }).map((entry) =>
    entry.isDirectory() ? `${entry.name}/` : entry.name,
  );
  const shown = names
    .sort()
    .slice(0, 50)
    .map((name) => `  ${name}`);
  return shown.join("\n") || "  (none)";
}

/** In a checkout the source, in the published package the build. */
const ownIndex = new URL(`../sdk/index${import.meta.url.endsWith(".ts") ? ".ts" : ".js"}`, import.meta.url)
  .href;

let hooked = false;

/**
 * Lets the author's modules import this package, and packages installed beside it, where the image has it only
 * globally (`npm install --global`): Node itself searches only the node_modules folders above a module.
 */
export function resolveFromRuntime(): void {
  if (hooked) return;
  hooked = true;
  registerHooks({
    resolve(specifier, context, nextResolve) {
      try {
        return nextResolve(specifier, context);
      } catch (error) {
        const code = (error as NodeJS.ErrnoException).code;
        if (code !== "ERR_MODULE_NOT_FOUND" || /^(?:[./#]|[a-z]+:)/.test(specifier)) throw error;
        if (specifier === "boxkite") return nextResolve(ownIndex, context);
        try {
          return nextResolve(specifier, { ...context, parentURL: import.meta.url });
        } catch {
          throw error;
        }
      }
    },
  });
}
