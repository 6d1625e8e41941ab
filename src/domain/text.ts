/** Texts of any length, cut for messages. */

const LONGEST = 64;

/** In quotes, and cut where it is long. */
export function quoted(text: string): string {
  if (text.length <= LONGEST) return JSON.stringify(text);
  return `${JSON.stringify(text.slice(0, LONGEST).toWellFormed())}… (${text.length.toLocaleString("en-US")} characters)`;
}

/** Longest error message kept: head and tail of a longer one, e.g. a listing of the whole file system. */
export const MAX_ERROR_CHARS = 16_384;

export function shorten(message: string, maxChars = MAX_ERROR_CHARS): string {
  if (message.length <= maxChars) return message;
  const half = Math.floor((maxChars - 60) / 2);
  const cut = message.length - 2 * half;
  return `${message.slice(0, half)}\n[… ${cut} characters left out …]\n${message.slice(-half)}`;
}
