/** A real engine for tests, or the reason why there is none. REQUIRE_ENGINES=podman,docker makes that a failure. */
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { findEngine, type FoundEngine } from "../../src/containers/find.ts";
import type { EngineName } from "../../src/containers/types.ts";
import { messageOf } from "../../src/domain/errors.ts";
import { silentLogger } from "../../src/lib/log.ts";
import { startDocker } from "../helpers/dockerd.ts";
import { LOGGED_RUNTIME, writeLoggedRuntime, type LoggedRuntime } from "../helpers/logged-runtime.ts";

/** Small, and with a shell; it must be there already, tests pull nothing from afar. */
export const TEST_IMAGE = process.env.BOXKITE_TEST_IMAGE ?? "docker.io/library/debian:12-slim";

/** Those that a file tests; `BOXKITE_TEST_ENGINE` leaves the other out. */
export const TEST_ENGINES: readonly EngineName[] = (["podman", "docker"] as const).filter(
  (name) => (process.env.BOXKITE_TEST_ENGINE ?? name) === name,
);

export interface TestEngine {
  readonly name: EngineName;
  /** Undefined: tests with this engine can run. */
  readonly missing: string | undefined;
  /** Leads the engine's own command line to it. */
  readonly env: NodeJS.ProcessEnv;
  /** A connection of its own; podman's service reads `env` when it starts. */
  open(env?: NodeJS.ProcessEnv): Promise<FoundEngine>;
  /** Registers LOGGED_RUNTIME, for connections with these variables; its files are in `directory`. */
  registerRuntime(
    directory: string,
  ): Promise<{ readonly env: NodeJS.ProcessEnv; readonly runtime: LoggedRuntime }>;
  close(): Promise<void>;
}

export function engineForTests(name: EngineName): Promise<TestEngine> {
  return name === "podman" ? podmanForTests() : dockerForTests();
}

async function podmanForTests(): Promise<TestEngine> {
  const open = (env: NodeJS.ProcessEnv = {}) =>
    findEngine({ preference: "podman", env: { ...process.env, ...env }, log: silentLogger });
  const registerRuntime = async (directory: string) => {
    const runtime = await writeLoggedRuntime(directory, `${process.env.PATH}:/usr/sbin`);
    const { CONTAINERS_CONF } = process.env;
    const own = CONTAINERS_CONF ? await readFile(CONTAINERS_CONF, "utf8") : "";
    const file = join(directory, "containers.conf");
    await writeFile(file, `${own}\n[engine.runtimes]\n${LOGGED_RUNTIME} = ["${runtime.program}"]\n`);
    return { env: { CONTAINERS_CONF: file }, runtime };
  };
  const engine = { name: "podman", env: {}, open, registerRuntime, close: async () => {} } as const;
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
    registerRuntime: async () => ({ env: {}, runtime: docker.runtime }),
    close: docker.stop,
  };
}
