/** Compares what was observed of an attempt in a worker with that of a cold one. */
import type { WorkerMode } from "../../../src/domain/warm-start.ts";

/** docs/warm-starts.md names each of these: paths of what is compared. */
const IN_ANY_WORKER = [/\/seen\/process\/name$/u, /\/seen\/interpreter\/(orig\/0|executable)$/u] as const;
/** Files that earlier attempts of the run have left. */
const LEFT_FILES = [/\/seen\/files\/[12](\/|$)/u, /\/seen\/container\/files$/u] as const;
const OF_MODE: Readonly<Record<WorkerMode, readonly RegExp[]>> = {
  one_shot: IN_ANY_WORKER,
  fork: [...IN_ANY_WORKER, ...LEFT_FILES],
  resident: [
    ...IN_ANY_WORKER,
    ...LEFT_FILES,
    /\/seen\/(state|stack|process|interpreter|signals|logs|descriptors)(\/|$)/u,
    // Output is in files, which a program may empty; exit functions run when the worker ends.
    /\/std(out|err)(\/|$)/u,
    // Of sys.exit it is not known where it was called.
    /\/(error|outcome)\/(message|text|hint)$/u,
    /\/attempts\/\d+\/system(\/|$)/u,
  ],
};

/** How an attempt in a worker differs from one in a container of its own, but for what is documented: each a line. */
export function differences(cold: unknown, warm: unknown, mode: WorkerMode | undefined): string[] {
  const documented = mode === undefined ? [] : OF_MODE[mode];
  return compare(cold, warm, "", (path) => documented.some((pattern) => pattern.test(path)));
}

function compare(
  cold: unknown,
  warm: unknown,
  path: string,
  isDocumented: (path: string) => boolean,
): string[] {
  if (JSON.stringify(cold) === JSON.stringify(warm) || isDocumented(path)) return [];
  if (Array.isArray(cold) && Array.isArray(warm) && cold.length === warm.length)
    return cold.flatMap((value, index) => compare(value, warm[index], `${path}/${index}`, isDocumented));
  if (Array.isArray(cold) && Array.isArray(warm)) {
    const [lost, added] = [without(cold, warm), without(warm, cold)];
    return [`${path}: ${shown(lost)} only cold, ${shown(added)} only in a worker`];
  }
  if (isObject(cold) && isObject(warm)) {
    const keys = new Set([...Object.keys(cold), ...Object.keys(warm)]);
    return [...keys].flatMap((key) => compare(cold[key], warm[key], `${path}/${key}`, isDocumented));
  }
  return [`${path}: ${shown(cold)} cold, ${shown(warm)} in a worker`];
}

function without(one: readonly unknown[], other: readonly unknown[]): unknown[] {
  const others = new Set(other.map((value) => JSON.stringify(value)));
  return one.filter((value) => !others.has(JSON.stringify(value)));
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function shown(value: unknown): string {
  return (JSON.stringify(value) ?? "nothing").slice(0, 600);
}
