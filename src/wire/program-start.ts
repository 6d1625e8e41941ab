/**
 * What a program is started with: the words of its command line, and its environment variables. What Linux would not
 * pass on (execve(2), E2BIG) is refused when it is accepted, instead of failing at each start.
 */
import { BoxkiteError } from "../domain/errors.ts";
import { isStrictImage } from "../domain/strict-image.ts";
import type { TaskDefinition } from "../domain/task.ts";
import { quoted } from "../domain/text.ts";
import { warmStartOf } from "../domain/warm-start.ts";
import type { KeyValuePair } from "./gen/flyteidl2/core/literals_pb.js";

/** Of one word, or one variable with its name: MAX_ARG_STRLEN, 32 pages of 4 KiB, less the NUL at the end. */
export const MAX_STRING_BYTES = 128 * 1024 - 1;
/** Of all words and variables: a quarter of the stack, which is 8 MiB unless somebody has set it. */
const MAX_ALL_BYTES = 2 * 1024 * 1024;
/** Kept of it for what the image and the server add. */
const RESERVED_BYTES = 128 * 1024;
/** Each word and variable counts with its NUL and a pointer. */
const OVERHEAD_BYTES = 9;

const INSTEAD =
  "put it into a file of the image, or pass it to the task as an input, a File where it is large; all of a task's variables and arguments together may be 2 MiB";

/** The last of a name counts, as in Kubernetes. Throws INVALID_ARGUMENT or LIMIT_EXCEEDED. */
export function decodeVariables(list: readonly KeyValuePair[], subject: string): Record<string, string> {
  for (const { key, value } of list) {
    if (key === "" || /[=\0]/u.test(key)) {
      throw new BoxkiteError(
        "INVALID_ARGUMENT",
        `${subject} has an environment variable of the name ${quoted(key)}, which no variable can have`,
        { hint: 'name it without "=" and NUL, and not with an empty text' },
      );
    }
    if (value.includes("\0")) {
      throw new BoxkiteError(
        "INVALID_ARGUMENT",
        `the environment variable ${quoted(key)} of ${subject} has a NUL in its value, which no variable can have`,
        { hint: "encode the value, as base64 for one, or pass it to the task as an input" },
      );
    }
    requireStringFits(`${key}=${value}`, `the environment variable ${quoted(key)} of ${subject}`);
  }
  const variables = Object.fromEntries(list.map(({ key, value }) => [key, value]));
  isStrictImage(variables);
  warmStartOf(variables);
  return variables;
}

/** Words of a command line; `what`: "command" or "argument". Throws INVALID_ARGUMENT or LIMIT_EXCEEDED. */
export function decodeWords(words: readonly string[], what: string, subject: string): string[] {
  for (const [index, word] of words.entries()) {
    const name = `${what} ${index + 1} of ${subject}`;
    if (word.includes("\0")) {
      throw new BoxkiteError("INVALID_ARGUMENT", `${name} has a NUL, which no command line can have`, {
        hint: "encode it, as base64 for one, or pass it to the task as an input",
      });
    }
    requireStringFits(word, name);
  }
  return [...words];
}

function requireStringFits(text: string, what: string): void {
  const bytes = Buffer.byteLength(text);
  if (bytes <= MAX_STRING_BYTES) return;
  throw new BoxkiteError(
    "LIMIT_EXCEEDED",
    `${what} has ${counted(bytes)} bytes, and Linux passes at most ${counted(MAX_STRING_BYTES)} (128 KiB) of one to a program`,
    { hint: INSTEAD },
  );
}

/** Throws LIMIT_EXCEEDED where all of it together is more than a program can be started with. `env`: the run's. */
export function requireStartable(
  definition: Pick<TaskDefinition, "name" | "command" | "args" | "env">,
  env: Readonly<Record<string, string>>,
): void {
  const { name, command, args } = definition;
  let bytes = 0;
  let largest: { readonly name: string; readonly size: number } | undefined;
  for (const word of [...command, ...args]) bytes += Buffer.byteLength(word) + OVERHEAD_BYTES;
  for (const [variable, value] of Object.entries({ ...env, ...definition.env })) {
    const size = Buffer.byteLength(variable) + Buffer.byteLength(value) + 1;
    bytes += size + OVERHEAD_BYTES;
    if (largest === undefined || size > largest.size) largest = { name: variable, size };
  }
  if (bytes <= MAX_ALL_BYTES - RESERVED_BYTES) return;
  const example = largest === undefined ? "" : `; the largest variable is ${quoted(largest.name)}`;
  throw new BoxkiteError(
    "LIMIT_EXCEEDED",
    `the environment variables and arguments of task ${name} have ${counted(bytes)} bytes together, and Linux passes at most ${counted(MAX_ALL_BYTES)} (2 MiB) to a program, of which ${counted(RESERVED_BYTES)} are kept for the image and the server${example}`,
    {
      hint: "put large values into files of the image, or pass them to the task as inputs, as a File where they are large",
    },
  );
}

function counted(bytes: number): string {
  return bytes.toLocaleString("en-US");
}
