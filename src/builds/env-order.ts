/**
 * The variables of one env layer, in groups that can be set one after another.
 *
 * A layer is a map, whose order is not preserved by protobuf. A value may still refer to a
 * name of the same layer (`CONDA=/opt/conda`, `PATH=$CONDA/bin:$PATH`): the variable referred to is set first.
 */
export function orderVariables(variables: Readonly<Record<string, string>>): string[][] {
  const left = new Set(Object.keys(variables).toSorted());
  const groups: string[][] = [];
  while (left.size > 0) {
    const ready = [...left].filter(
      (name) => !references(variables[name] ?? "").some((other) => other !== name && left.has(other)),
    );
    // Variables that refer to each other have no correct order; the sorted one is at least stable.
    const group = ready.length > 0 ? ready : [...left];
    for (const name of group) left.delete(name);
    groups.push(group);
  }
  return groups;
}

/** The names that a value expands. */
export function references(value: string): string[] {
  return [...value.matchAll(/(?<!\\)\$\{?([A-Za-z_][A-Za-z0-9_]*)/g)].map((match) => match[1] ?? "");
}
