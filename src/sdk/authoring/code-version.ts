/** The version of a function's code, by which results that older code made are told from those of the present one. */
import { createHash } from "node:crypto";
import jsTokens, { type Token } from "js-tokens";
import type { AuthorFunction } from "./author-function.ts";

const versions = new WeakMap<AuthorFunction, string>();

/**
 * SHA-256 of the function's tokens. Comments, white space and trailing commas are no tokens, and neither are the types
 * that Node blanks out, so that reformatted source keeps its version; what a string, a template or a regular
 * expression holds counts to the last character. What the function calls, imports or captures is not part of it.
 */
export function codeVersionOf(fn: AuthorFunction): string {
  let version = versions.get(fn);
  if (version === undefined) {
    const tokens = significantTokens(fn.toString());
    version = createHash("sha256").update(JSON.stringify(tokens)).digest("hex");
    versions.set(fn, version);
  }
  return version;
}

const FORMATTING: ReadonlySet<Token["type"]> = new Set([
  "HashbangComment",
  "LineTerminatorSequence",
  "MultiLineComment",
  "SingleLineComment",
  "WhiteSpace",
]);

interface Word {
  readonly text: string;
  readonly type: Token["type"];
  /** A line ends between the token before and this one. */
  readonly onNewLine: boolean;
}

/** Two sources have equal lists only if they mean the same. */
export function significantTokens(source: string): readonly string[] {
  const words: Word[] = [];
  let onNewLine = false;
  for (const token of jsTokens(source)) {
    // The tokenizer reads any text; where it did not understand this one, every character counts.
    if (token.type === "Invalid" || ("closed" in token && !token.closed)) return [source];
    if (FORMATTING.has(token.type)) {
      onNewLine ||= LINE_BREAK.test(token.value);
    } else {
      words.push({ text: valueOf(token), type: token.type, onNewLine });
      onNewLine = false;
    }
  }
  return words.flatMap((word, index) => {
    const [previous, next] = [words[index - 1], words[index + 1]];
    if (isTrailingComma(previous, word, next)) return [];
    return lineBreakCounts(previous, word, next) ? [word.text, "\n"] : [word.text];
  });
}

const LINE_BREAK = /[\n\r\u2028\u2029]/;

/** As JavaScript does, a line break in a template is the same on every system. */
function valueOf({ type, value }: Token): string {
  return type === "NoSubstitutionTemplate" || type.startsWith("Template")
    ? value.replaceAll(/\r\n?/g, "\n")
    : value;
}

/** Formatters add one where they break a line. In `[a,,]` only the last is one. */
function isTrailingComma(previous: Word | undefined, { text }: Word, next: Word | undefined): boolean {
  if (text !== "," || next === undefined) return false;
  if (next.text === "]") return previous?.text !== "," && previous?.text !== "[";
  return next.text === ")" || next.text === "}";
}

/** A line break after these ends the statement, or makes a name of the word: `return` and `x` on two lines. */
const RESTRICTED = new Set(["async", "break", "continue", "return", "using", "yield"]);

function lineBreakCounts(previous: Word | undefined, word: Word, next: Word | undefined): boolean {
  if (next?.onNewLine !== true) return false;
  if (RESTRICTED.has(word.text)) {
    const isProperty = previous?.text === "." || previous?.text === "?.";
    return !isProperty && next.text !== ";" && next.text !== "}";
  }
  // The sign of `a ++ b` belongs to the one that is on its line.
  return (
    (word.text === "++" || word.text === "--") &&
    !word.onNewLine &&
    endsOperand(previous) &&
    startsOperand(next)
  );
}

function endsOperand(word: Word | undefined): boolean {
  return (
    word?.text === ")" ||
    word?.text === "]" ||
    word?.type === "IdentifierName" ||
    word?.type === "PrivateIdentifier"
  );
}

const ENDS_OPERAND = new Set(["in", "instanceof"]);
const CLOSES_SUBSTITUTION: ReadonlySet<Token["type"]> = new Set(["TemplateMiddle", "TemplateTail"]);
const PREFIXES = new Set(["(", "[", "{", "!", "~", "++", "--"]);

function startsOperand({ text, type }: Word): boolean {
  return type === "Punctuator"
    ? PREFIXES.has(text)
    : !ENDS_OPERAND.has(text) && !CLOSES_SUBSTITUTION.has(type);
}
