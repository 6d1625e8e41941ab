/** What an attempt was to run, read from the arguments of its runtime (`a0`, `a0-ts`). */
import type { TaskDefinition } from "../task.ts";
import type { Program } from "./evidence.ts";

type Definition = Pick<TaskDefinition, "type" | "command" | "args" | "inputs">;

/** `memoryLimitBytes`: what is enforced, see `limitsOf`. */
export function programOf(definition: Definition, memoryLimitBytes: number | undefined): Program {
  const words = [...definition.command, ...definition.args];
  const after = (name: string): string | undefined => {
    const at = words.lastIndexOf(name);
    return at === -1 ? undefined : words[at + 1];
  };
  return {
    language: languageOf(definition.type, words[0]),
    code: words.includes("--pkl") ? "pickled" : words.includes("--tgz") ? "sent" : "baked",
    command: words[0],
    // `mod MODULE instance NAME` of Python's resolver, `mod PATH export NAME` of ours.
    module: after("mod"),
    entity: after("instance") ?? after("export"),
    inputs: definition.inputs ?? [],
    memoryLimitBytes,
  };
}

function languageOf(type: string, command: string | undefined): Program["language"] {
  if (command === "a0-ts" || type === "typescript") return "typescript";
  return command === "a0" || type === "python" ? "python" : undefined;
}
