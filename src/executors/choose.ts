/** Which executor `boxkite up` uses, and what that means for the network. */
import { join } from "node:path";
import { BoxkiteError } from "../domain/errors.ts";
import type { Logger } from "../lib/log.ts";
import { systemClock } from "../lib/clock.ts";
import { isLoopback } from "../lib/loopback.ts";
import type { ImageBuilder } from "../images/build/builder.ts";
import type { RegistryResolver } from "../images/build/service.ts";
import type { Registries } from "../images/registry/registries.ts";
import type { Executor } from "./executor.ts";
import { createProcessExecutor, findRuntime } from "./process/process-executor.ts";

export interface ExecutorWish {
  readonly engine: "auto" | "podman" | "docker" | "process";
  readonly python: string | undefined;
  readonly registries?: Registries;
  readonly containers?: ContainerWish;
}

/** What task containers are given of this machine beyond what they need to run. */
export interface ContainerWish {
  readonly certificates: boolean;
  readonly proxy: boolean;
}

export interface ExecutorContext {
  /** Names this store's server for ever: the same after a restart, another for another store. */
  readonly instance: string;
  readonly dataDirectory: string;
  readonly log: Logger;
}

/** What the image build service works with. */
export interface ImageTools {
  readonly builder: ImageBuilder;
  readonly registry: RegistryResolver;
  /** Whether build steps are handed the machine's own certificate authorities. */
  readonly certificates: boolean;
}

/** What is known of an engine, and what will not work with it. */
export interface Examination {
  readonly summary: string;
  readonly advice: readonly Advice[];
}

export interface Advice {
  readonly what: string;
  readonly hint?: string | undefined;
}

export interface ExecutorChoice {
  create(context: ExecutorContext): Promise<Executor>;
  /** What builds images beside it; undefined where nothing can. */
  readonly createImageTools: (() => Promise<ImageTools>) | undefined;
  readonly examination: Examination;
  /** The address at which attempts reach a server. */
  readonly listenAt: string;
  /** May a connection that reached us at this local address, from that one, be an attempt's or this machine's own? */
  accepts(address: string, from: string): boolean;
  /** Tries from inside an attempt's surroundings whether the server can be reached. Undefined: nothing to try. */
  probe(
    port: number,
  ): Promise<{ readonly ok: true; readonly endpoint: string; readonly note?: string } | undefined>;
  close(): Promise<void>;
}

/** Throws CONFIG_INVALID or ENGINE_UNREACHABLE, saying what was tried. */
export async function chooseExecutor(wish: ExecutorWish, env: NodeJS.ProcessEnv): Promise<ExecutorChoice> {
  const { engine, python, containers } = wish;
  if (engine === "process") {
    refuseContainerWish(containers);
    return processChoice(findRuntime(python, env), env);
  }
  const { chooseContainerEngine } = await import("./container/choose.ts");
  return chooseContainerEngine({ ...wish, engine }, env);
}

function refuseContainerWish(containers: ContainerWish | undefined): void {
  const asked = containers && Object.entries(containers).find(([, value]) => value === true);
  if (asked === undefined) return;
  throw new BoxkiteError("CONFIG_INVALID", `containers: ${asked[0]} is true, but --engine process has none`, {
    hint: "give tasks what they need with env_vars=, or use a container engine",
  });
}

function processChoice(path: readonly string[], env: NodeJS.ProcessEnv): ExecutorChoice {
  return {
    create: async ({ dataDirectory }) =>
      createProcessExecutor({ directory: join(dataDirectory, "attempts"), path, env, clock: systemClock }),
    createImageTools: undefined,
    examination: { summary: "process: tasks are programs of this machine", advice: [] },
    listenAt: "127.0.0.1",
    accepts: isLoopback,
    probe: async () => undefined,
    close: async () => {},
  };
}
