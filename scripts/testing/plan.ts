/** Which test files run, which of them at the same time, and which share a process. */
import { globSync } from "node:fs";

interface Group {
  readonly name: string;
  readonly pattern: string;
  /** Test files at the same time. Those that start servers and engines take the machine to themselves. */
  readonly concurrency: number;
  /** Not a process for each file, which costs more than most unit tests do: as many as run at the same time. */
  readonly sharesProcesses: boolean;
}

const GROUPS: readonly Group[] = [
  { name: "unit", pattern: "{src,scripts}/**/*.test.ts", concurrency: 2, sharesProcesses: true },
  { name: "integration", pattern: "test/**/*.test.ts", concurrency: 1, sharesProcesses: false },
];

export interface Stage {
  readonly name: string;
  /** The files of each process. */
  readonly processes: readonly (readonly string[])[];
  /** Processes at the same time. */
  readonly concurrency: number;
}

/** What the arguments ask for: single files, each in a process of its own, or groups by name; all of them without any. */
export function planStages(wanted: readonly string[], root: string): Stage[] {
  const files = wanted.filter((name) => name.endsWith(".ts"));
  if (files.length > 0) return files.map((file) => ({ name: file, processes: [[file]], concurrency: 1 }));
  return GROUPS.filter(({ name }) => wanted.length === 0 || wanted.includes(name)).map((group) => {
    const found = globSync(group.pattern, { cwd: root }).toSorted();
    const { name, concurrency } = group;
    const processes = group.sharesProcesses ? deal(found, concurrency) : found.map((file) => [file]);
    return { name, processes, concurrency };
  });
}

/** One to each in turn, so that neighbours, which are often alike in cost, come apart. */
function deal(files: readonly string[], hands: number): string[][] {
  const dealt = Array.from({ length: hands }, (_, hand) =>
    files.filter((_file, index) => index % hands === hand),
  );
  return dealt.filter((hand) => hand.length > 0);
}
