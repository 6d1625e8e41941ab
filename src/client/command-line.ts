/** The command that prints a token, in whichever way it is written. */
import { BoxkiteError } from "../domain/errors.ts";

/** Every quote is closed, and something follows every backslash. */
const COMPLETE = /^(?:[^\\'"]|\\.|'[^']*'|"(?:\\.|[^\\"])*")*$/s;

/**
 * A list, a JSON list, or the words of a shell's command line. No shell runs, so what only a shell can
 * do is refused with CONFIG_INVALID. What is accepted has the same words in the Python SDK, which
 * takes such signs for parts of words.
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
  // Most connections need no command: the library is loaded for one that does.
  const { parse } = await import("shell-quote");
  const variable = (name: string): string | undefined => {
    if (name === "") return undefined;
    throw refused(text, `the variable ${name} would have to be replaced`);
  };
  return parse(text, variable).map((part) => {
    if (typeof part === "string") return part;
    // There is no shell to find files either: the pattern is what the program gets.
    if ("pattern" in part) return part.pattern;
    throw refused(text, `${"comment" in part ? "#" : part.op} is for a shell`);
  });
}

function refused(text: string, why: string): BoxkiteError {
  return new BoxkiteError("CONFIG_INVALID", `the command ${JSON.stringify(text)} for a token: ${why}`, {
    hint: "put single quotes around what belongs to a word; what needs a shell goes through one: sh -c '…'",
  });
}
