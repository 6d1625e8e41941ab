/**
 * The text of an error: its message, its stack, and those of its causes, for people; and in a last line of JSON what a
 * TypeScript caller restores the error from. The line is left out where there is nothing to restore.
 */
import { printed, type OtherValue, type ThrownError } from "./thrown-value.ts";
import { ERROR_TRAILER } from "../../domain/error-trailer.ts";
import { untagValue } from "../../wire/literals/tagged.ts";

/** A piece of the text: its distance from the end of the text, and its length, both in characters. */
type Piece = readonly [fromEnd: number, length: number];

/** What the last line says of an error. The pieces are counted from the end, because others may put words in front. */
interface Trailer {
  readonly name?: string;
  readonly message: Piece;
  readonly stack: Piece;
  readonly fields?: Readonly<Record<string, unknown>>;
  readonly cause?: Trailer | OtherValue;
  readonly errors?: readonly (Trailer | OtherValue)[];
}

/** An error as its text has it. */
export interface ReadText {
  readonly name: string;
  readonly message: string;
  /** Empty if the text has none. */
  readonly stack: string;
  readonly fields: Readonly<Record<string, unknown>>;
  readonly cause?: ReadText | OtherValue;
  readonly errors?: readonly (ReadText | OtherValue)[];
}

export function writeErrorText(error: ThrownError): string {
  const writer = new Writer();
  const trailer = writer.write(error, "");
  const { text } = writer;
  const plain = readErrorText(text);
  const isWhole = plain.message === error.message && error.cause === undefined && error.errors === undefined;
  if (isWhole && Object.keys(error.fields).length === 0) return text;
  return `${text}${ERROR_TRAILER}${JSON.stringify(trailer(text.length))}`;
}

/** Makes the trailer once the length of the whole text is known. */
type Finish = (length: number) => Trailer;

class Writer {
  text = "";

  write({ name, message, frames, fields, cause, errors }: ThrownError, heading: string): Finish {
    this.text += heading;
    const messageAt = this.text.length;
    this.text += message;
    const stackAt = this.text.length;
    this.text += frames.map((line) => `\n${line}`).join("");
    const stackLength = this.text.length - stackAt;
    const finishCause = this.#inner("Caused by", cause);
    const finishErrors = errors?.map((error, index) =>
      this.#inner(`Error ${index + 1} of ${errors.length}`, error),
    );
    return (length) => ({
      ...(heading === "" ? {} : { name }),
      message: [length - messageAt, message.length],
      stack: [length - stackAt, stackLength],
      ...(Object.keys(fields).length === 0 ? {} : { fields }),
      ...(finishCause === undefined ? {} : { cause: finishCause(length) }),
      ...(finishErrors === undefined
        ? {}
        : { errors: finishErrors.flatMap((finish) => (finish === undefined ? [] : [finish(length)])) }),
    });
  }

  #inner(
    heading: string,
    inner: ThrownError | OtherValue | undefined,
  ): ((length: number) => Trailer | OtherValue) | undefined {
    if (inner === undefined) return undefined;
    if (!("other" in inner)) return this.write(inner, `\n${heading}: ${inner.name}: `);
    this.text += `\n${heading}: ${typeof inner.other === "string" ? inner.other : printed(untagValue(inner.other))}`;
    return () => inner;
  }
}

/** Reads any error's text. One without the last line is a message, which a stack may follow. */
export function readErrorText(whole: string): ReadText {
  const at = whole.lastIndexOf(ERROR_TRAILER);
  const trailer = at < 0 ? undefined : parseTrailer(whole.slice(at + ERROR_TRAILER.length));
  const text = at < 0 ? whole : whole.slice(0, at);
  if (trailer === undefined) {
    const stack = /(?:\n {4}at [^\n]*)+$/.exec(text)?.[0] ?? "";
    return {
      name: "",
      message: text.slice(0, text.length - stack.length),
      stack: stack.slice(1),
      fields: {},
    };
  }
  const { error, after } = trailer;
  const read = readTrailer(error, text);
  // What was put in front of the text belongs to the message, and so does a hint behind it.
  const end = text.length - error.message[0] + error.message[1];
  return { ...read, message: text.slice(0, end) + after, stack: text.slice(end + 1) };
}

function parseTrailer(text: string): { readonly error: Trailer; readonly after: string } | undefined {
  const hintAt = text.indexOf("}; hint: ");
  const [json, after] =
    hintAt < 0 ? [text.split("\n", 1)[0] ?? "", ""] : [text.slice(0, hintAt + 1), text.slice(hintAt + 1)];
  try {
    const error: unknown = JSON.parse(json);
    return isTrailer(error) ? { error, after } : undefined;
  } catch (error) {
    // The text was cut: the error is reported without what the line had.
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

function isTrailer(value: unknown): value is Trailer {
  if (typeof value !== "object" || value === null) return false;
  const { message, stack } = value as Partial<Trailer>;
  return isPiece(message) && isPiece(stack);
}

function isPiece(value: unknown): value is Piece {
  return (
    Array.isArray(value) &&
    value.length === 2 &&
    value.every((part) => Number.isSafeInteger(part) && part >= 0)
  );
}

function readTrailer(
  { name = "", message, stack, fields = {}, cause, errors }: Trailer,
  text: string,
): ReadText {
  const inner = (value: Trailer | OtherValue): ReadText | OtherValue =>
    isTrailer(value) ? readTrailer(value, text) : value;
  return {
    name: String(name),
    message: piece(text, message),
    stack: piece(text, stack).slice(1),
    fields,
    ...(cause === undefined ? {} : { cause: inner(cause) }),
    ...(Array.isArray(errors) ? { errors: errors.map(inner) } : {}),
  };
}

function piece(text: string, [fromEnd, length]: Piece): string {
  const start = Math.max(0, text.length - fromEnd);
  return text.slice(start, start + length);
}
