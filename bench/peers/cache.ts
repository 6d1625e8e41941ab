/** Where the products of others are installed: outside of the repository, and none of them is a dependency. */
import { homedir } from "node:os";
import { join } from "node:path";

export const CACHE =
  process.env["BOXKITE_BENCH_PEERS"] ??
  join(process.env["XDG_CACHE_HOME"] ?? join(homedir(), ".cache"), "boxkite-bench-peers");

/** A program of a Python environment in the cache. */
export const venvProgram = (name: string, program: string): string => join(CACHE, name, "bin", program);
