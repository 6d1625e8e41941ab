/** Parses the command that prints a token, in each of its notations. */
import { BoxkiteError } from "../domain/errors.ts";

/** All quotes are closed, and a character follows every backslash. */
const COMPLETE = /^(?:[^\\'"]|\\.|'[^']*'|"(?:\\.|[^\\"])*")*$/s;

/**
 * A list, a JSON list, or words quoted as for a shell. No shell runs, so operators, variables and comments
 * are refused with CONFIG_INVALID; the Python SDK takes them for parts of words. Everything else is split
 * into the same words as there.
 */
export async function parseCommand(value: unknown): Promise<readonly string[]> {
  if (Array.isArray(value)) return value.map(String);
  const text = typeof value === "string" ? value.trim() : "";
  return text === "" ? [] : (jsonList(text) ?? wordsOf(text));
}

function jsonList(text: string): string[] | undefined {
  if (!text.startsWith("[")) return undefined;
  try {
    const list: unknown = JSON.parse(text);
    return Array.isArray(list) ? list.map(String) : undefined;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

async function wordsOf(text: string): Promise<string[]> {
  if (!COMPLETE.test(text))
    throw refused(text, "a quote is not closed, or nothing follows the last backslash");
  // Loaded only here, because most connections need no command.
  const { parse } = await import("shell-quote");
  const variable = (name: string): string | undefined => {
    if (name === "") return undefined;
    throw refused(text, `the variable ${name} would have to be replaced`);
  };
  return parse(text, variable).map((part) => {
    if (typeof part === "string") return part;
    // Without a shell a pattern is not expanded: the program gets it as it is.
    if ("pattern" in part) return part.pattern;
    throw refused(text, `${"comment" in part ? "#" : part.op} needs a shell`);
  });
}

function refused(text: string, why: string): BoxkiteError {
  return new BoxkiteError("CONFIG_INVALID", `the command ${JSON.stringify(text)} for a token: ${why}`, {
    hint: "put single quotes around what belongs to a word; what needs a shell goes through one: sh -c '…'",
  });
}
