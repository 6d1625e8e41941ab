/** The log of one build for any number of readers: a late reader first gets the earlier lines. */
export interface BuildLog {
  readonly write: (line: string) => void;
  /** Returns what ends the subscription. */
  readonly subscribe: (reader: (line: string) => void) => () => void;
}

/** The number of last lines that a late reader gets. */
const KEPT_LINES = 10_000;

export function createBuildLog(): BuildLog {
  const kept: string[] = [];
  const readers = new Set<(line: string) => void>();
  return {
    write(line) {
      kept.push(line);
      if (kept.length > KEPT_LINES) kept.shift();
      for (const reader of readers) reader(line);
    },
    subscribe(reader) {
      for (const line of kept) reader(line);
      readers.add(reader);
      return () => void readers.delete(reader);
    },
  };
}
