/** The real engine for tests, or the reason why there is none. REQUIRE_ENGINES=podman,docker makes that a failure. */
import { findEngine, type FoundEngine } from "../../src/executors/container/find-engine.ts";
import type { EngineName } from "../../src/executors/container/engine-types.ts";
import { messageOf } from "../../src/domain/errors.ts";
import { silentLogger } from "../../src/lib/log.ts";

/** Small, and with a shell; it must be there already, tests pull nothing from afar. */
export const TEST_IMAGE = process.env.BOXKITE_TEST_IMAGE ?? "docker.io/library/debian:12-slim";

export function openEngine(wish: EngineName, env: NodeJS.ProcessEnv = {}): Promise<FoundEngine> {
  return findEngine({ wish, env: { ...process.env, ...env }, log: silentLogger });
}

/** Undefined: tests with this engine can run. */
export async function missingEngine(wish: EngineName): Promise<string | undefined> {
  const required = (process.env.REQUIRE_ENGINES ?? "").split(",").includes(wish);
  try {
    const found = await openEngine(wish);
    const image = await found.api.inspectImage(TEST_IMAGE);
    await found.close();
    if (image !== undefined) return undefined;
    throw new Error(`${wish} has no image ${TEST_IMAGE}`);
  } catch (error) {
    if (required) throw error;
    return `${messageOf(error).split("\n")[0]} (REQUIRE_ENGINES=${wish} makes this a failure)`;
  }
}
