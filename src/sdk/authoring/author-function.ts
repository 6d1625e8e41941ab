/** The function that an author gives to a task or a trace. */
export type AuthorFunction = (...parameters: never[]) => unknown;

/**
 * Throws TypeError for a function whose source cannot be read, as of a bound one: all of these would have the same
 * version, and results of an older one would be taken for those of the present one. `remedy` says what to do.
 */
export function refuseHiddenSource(what: string, fn: AuthorFunction, remedy: string): void {
  if (!/\{\s*\[native code\]\s*\}$/.test(fn.toString())) return;
  throw new TypeError(`${what}: the source of a bound or built-in function cannot be read; ${remedy}`);
}
