/**
 * Looks a name up that somebody else chose. Plain indexing also finds what every object inherits, such as
 * `constructor`.
 */
export function ownValue<T>(table: Readonly<Record<string, T>>, name: string): T | undefined {
  return Object.hasOwn(table, name) ? table[name] : undefined;
}
