/** What starts a task in its container, and what decides where that is found. */
import type { TaskDefinition } from "../../domain/task.ts";
import type { Language } from "./subject.ts";

/** `other`: a program of the image's own. `unknown`: an image is named, and not what runs in it. */
export type TaskProgram = Language | "other" | "unknown";

/** By their first word, as the SDKs name their runtimes. */
export function programOf({ command, args }: Pick<TaskDefinition, "command" | "args">): Language | "other" {
  const [first] = [...command, ...args];
  if (first === "a0") return "python";
  return first === "a0-ts" ? "typescript" : "other";
}

/** Variables by which a task may find programs and modules that nothing shows in its image alone. */
const SEARCH_VARIABLES: readonly string[] = [
  "PATH",
  "PYTHONPATH",
  "PYTHONHOME",
  "PYTHONUSERBASE",
  "LD_LIBRARY_PATH",
  "LD_PRELOAD",
  "NODE_PATH",
];

export function changesSearch(env: Readonly<Record<string, string>>): boolean {
  return SEARCH_VARIABLES.some((name) => env[name] !== undefined);
}
