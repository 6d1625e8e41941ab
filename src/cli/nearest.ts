/** What a misspelled name was meant to be. */

/** The name that is a few letters away, or that begins as it does; undefined where none is close. */
export function nearest(given: string, names: readonly string[]): string | undefined {
  const ranked = names
    .map((name) => ({ name, edits: name.startsWith(given) && given.length > 2 ? 1 : distance(given, name) }))
    .toSorted((a, b) => a.edits - b.edits);
  const [best] = ranked;
  const most = given.length < 4 ? 1 : Math.max(2, given.length / 3);
  return best !== undefined && best.edits <= most ? best.name : undefined;
}

/** Levenshtein's: insertions, deletions and replacements of letters that make one from the other. */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 0; i < a.length; i++) {
    const next = [i + 1];
    for (let j = 0; j < b.length; j++) {
      const replaced = (row[j] ?? 0) + (a[i] === b[j] ? 0 : 1);
      next.push(Math.min(replaced, (row[j + 1] ?? 0) + 1, (next[j] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}
