/** What differs between two lists of named values. */

export type Unit = "bytes" | "ms";

export interface Change {
  readonly name: string;
  /** Undefined: it was added. */
  readonly before?: string;
  /** Undefined: it was removed. */
  readonly after?: string;
  /** Of values that are numbers. */
  readonly unit?: Unit;
}

/** By name; an undefined value is none. */
export type Values = Readonly<Record<string, string | undefined>>;

/** In the order of the names. */
export function changesOf(before: Values, after: Values, unit?: Unit): Change[] {
  const names = [...new Set([...Object.keys(before), ...Object.keys(after)])].toSorted();
  return names.flatMap((name) => {
    const [old, now] = [ownOf(before, name), ownOf(after, name)];
    return old === now ? [] : [changeOf(name, old, now, unit)];
  });
}

function changeOf(
  name: string,
  before: string | undefined,
  after: string | undefined,
  unit: Unit | undefined,
): Change {
  return {
    name,
    ...(before !== undefined && { before }),
    ...(after !== undefined && { after }),
    ...(unit && { unit }),
  };
}

/** Names come from tasks and images, and one may be called `constructor`. */
function ownOf(values: Values, name: string): string | undefined {
  return Object.hasOwn(values, name) ? values[name] : undefined;
}
