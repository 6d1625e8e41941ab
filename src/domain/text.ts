/** Texts of callers, quoted in messages. */

const LONGEST = 64;

/** In quotes, and cut where it is long. */
export function quoted(text: string): string {
  if (text.length <= LONGEST) return JSON.stringify(text);
  return `${JSON.stringify(text.slice(0, LONGEST).toWellFormed())}… (${text.length.toLocaleString("en-US")} characters)`;
}
