/** What people are shown of a pool of workers. */
import type { WorkerMode } from "./warm-start.ts";

export interface PoolState {
  readonly pool: string;
  readonly mode: WorkerMode;
  /** The reference of its image. */
  readonly image: string;
  readonly project: string;
  readonly domain: string;
  /** Undefined where it takes attempts of all runs of the project and domain. */
  readonly run?: string | undefined;
  readonly starting: number;
  readonly idle: number;
  readonly busy: number;
  /** Bytes that its workers have in use, as far as the engine says; else what was assumed. */
  readonly memoryBytes: number;
  /** Since the server was started: attempts that started in it, and such that found no free worker. */
  readonly hits: number;
  readonly misses: number;
  /** Milliseconds since the epoch. */
  readonly lastUsedAt: number | undefined;
  /** Why its last worker could not be made; attempts start cold until one can. */
  readonly problem?: string | undefined;
}
