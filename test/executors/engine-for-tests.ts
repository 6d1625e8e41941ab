/** A real engine for tests, or the reason why there is none. REQUIRE_ENGINES=podman,docker makes that a failure. */
import { findEngine, type FoundEngine } from "../../src/containers/find.ts";
import type { EngineName } from "../../src/containers/types.ts";
import { messageOf } from "../../src/domain/errors.ts";
import { silentLogger } from "../../src/lib/log.ts";
import { startDocker } from "../helpers/dockerd.ts";

/** Small, and with a shell; it must be there already, tests pull nothing from afar. */
export const TEST_IMAGE = process.env.BOXKITE_TEST_IMAGE ?? "docker.io/library/debian:12-slim";

export interface TestEngine {
  readonly name: EngineName;
  /** Undefined: tests with this engine can run. */
  readonly missing: string | undefined;
  /** Leads the engine's own command line to it. */
  readonly env: NodeJS.ProcessEnv;
  /** A connection of its own; podman's service reads `env` when it starts. */
  open(env?: NodeJS.ProcessEnv): Promise<FoundEngine>;
  close(): Promise<void>;
}

export function engineForTests(name: EngineName): Promise<TestEngine> {
  return name === "podman" ? podmanForTests() : dockerForTests();
}

async function podmanForTests(): Promise<TestEngine> {
  const open = (env: NodeJS.ProcessEnv = {}) =>
    findEngine({ preference: "podman", env: { ...process.env, ...env }, log: silentLogger });
  const engine = { name: "podman", env: {}, open, close: async () => {} } as const;
  try {
    const found = await open();
    const image = await found.api.inspectImage(TEST_IMAGE);
    await found.close();
    if (image === undefined) throw new Error(`podman has no image ${TEST_IMAGE}`);
    return { ...engine, missing: undefined };
  } catch (error) {
    if ((process.env.REQUIRE_ENGINES ?? "").split(",").includes("podman")) throw error;
    const missing = `${messageOf(error).split("\n")[0]} (REQUIRE_ENGINES=podman makes this a failure)`;
    return { ...engine, missing };
  }
}

async function dockerForTests(): Promise<TestEngine> {
  const docker = await startDocker([TEST_IMAGE]);
  return {
    name: "docker",
    missing: docker.missing,
    env: docker.env,
    open: (env = {}) =>
      findEngine({ preference: "docker", env: { ...process.env, ...docker.env, ...env }, log: silentLogger }),
    close: docker.stop,
  };
}
