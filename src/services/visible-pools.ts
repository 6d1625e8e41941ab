/** The pools of workers that a caller may see, as a page and as JSON at `/v2/pools/document`. */
import { BoxkiteError } from "../domain/errors.ts";
import type { ProjectKey } from "../domain/ids.ts";
import type { Principal } from "../domain/principal.ts";
import type { PoolState } from "../domain/pool-state.ts";
import type { ServiceContext } from "./context.ts";

/** Raised when a field changes its meaning or goes; one that is added does not change it. */
export const POOLS_VERSION = 1;

/** Times are in milliseconds since the epoch, memory in bytes. */
export interface PoolsDocument {
  /** `POOLS_VERSION`. */
  readonly version: number;
  /** Whether this server keeps workers at all. */
  readonly keepsWorkers: boolean;
  /** Of projects and domains whose runs the caller may read; those that were used last first. */
  readonly pools: readonly PoolState[];
}

export type PoolsContext = Pick<ServiceContext, "access" | "pools">;

/** Throws PERMISSION_DENIED for a caller who may not even read the list of projects. */
export async function visiblePools({ access, pools }: PoolsContext, by: Principal): Promise<PoolsDocument> {
  await access.authorise(by, "read", { kind: "project", project: undefined });
  const all = pools?.() ?? [];
  /** By project and domain. */
  const allowed = new Map<string, Promise<boolean>>();
  const isAllowed = (pool: PoolState): Promise<boolean> => {
    const name = `${pool.project}/${pool.domain}`;
    const known = allowed.get(name) ?? mayReadRuns(access, by, pool);
    allowed.set(name, known);
    return known;
  };
  const seen = await Promise.all(all.map(isAllowed));
  return {
    version: POOLS_VERSION,
    keepsWorkers: pools !== undefined,
    pools: all
      .filter((_, index) => seen[index] === true)
      .toSorted((a, b) => (b.lastUsedAt ?? 0) - (a.lastUsedAt ?? 0)),
  };
}

async function mayReadRuns(
  { authorise }: PoolsContext["access"],
  by: Principal,
  { project, domain }: ProjectKey,
): Promise<boolean> {
  try {
    await authorise(by, "read", { kind: "runs", scope: { project, domain } });
    return true;
  } catch (error) {
    if (error instanceof BoxkiteError && error.code === "PERMISSION_DENIED") return false;
    throw error;
  }
}
