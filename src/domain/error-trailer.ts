import { textOf } from "./errors.ts";

/**
 * The last line of an error's message from a TypeScript task: what a message has no field for, as JSON. Flyte's message
 * for an error has a code, a text and a kind.
 */
export const ERROR_TRAILER = "\n#boxkite-error ";

/** The message without the trailer, as people read it. */
export function withoutErrorTrailer(message: string): string {
  const at = message.lastIndexOf(ERROR_TRAILER);
  return at < 0 ? message : message.slice(0, at);
}

/** What happened and what to do about it, in one text for people. */
export function textForPeople(error: {
  readonly message: string;
  readonly hint?: string | undefined;
}): string {
  return textOf({ ...error, message: withoutErrorTrailer(error.message) });
}
