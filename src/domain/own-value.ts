/**
 * Looks up a name that a caller chose. Plain indexing would also find inherited properties such as
 * `constructor`.
 */
export function ownValue<T>(table: Readonly<Record<string, T>>, name: string): T | undefined {
  return Object.hasOwn(table, name) ? table[name] : undefined;
}
