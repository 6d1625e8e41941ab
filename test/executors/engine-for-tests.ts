/** The real engine for tests, or the reason why there is none. REQUIRE_ENGINES=podman,docker makes that a failure. */
import { findEngine, type FoundEngine } from "../../src/executors/container/find-engine.ts";
import type { EngineName } from "../../src/executors/container/engine-api.ts";
import { messageOf } from "../../src/domain/errors.ts";
import { silentLogger } from "../../src/lib/log.ts";

/** Small, and with a shell; it must be there already, tests pull nothing from afar. */
export const TEST_IMAGE = process.env.BOXKITE_TEST_IMAGE ?? "docker.io/library/debian:12-slim";

export interface EngineForTests {
  readonly found?: FoundEngine;
  readonly skip?: string;
}

export async function engineForTests(wish: EngineName, env: NodeJS.ProcessEnv = process.env): Promise<EngineForTests> {
  const required = (process.env.REQUIRE_ENGINES ?? "").split(",").includes(wish);
  try {
    const found = await findEngine({ wish, env, log: silentLogger });
    if ((await found.api.inspectImage(TEST_IMAGE)) !== undefined) return { found };
    await found.close();
    throw new Error(`${wish} has no image ${TEST_IMAGE}`);
  } catch (error) {
    if (required) throw error;
    return { skip: `${messageOf(error).split("\n")[0]} (REQUIRE_ENGINES=${wish} makes this a failure)` };
  }
}
