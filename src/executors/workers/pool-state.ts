export type { PoolState } from "../../domain/pool-state.ts";
