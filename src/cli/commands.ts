/** The commands of `boxkite`, by name. */
import type { Command } from "./command.ts";

/** Loaded when used: the server's code is not read for `boxkite version`. */
export const COMMANDS: Readonly<Record<string, () => Promise<Command>>> = {
  up: async () => (await import("./up.ts")).up,
  config: async () => (await import("./config/config.ts")).config,
  diff: async () => (await import("./diff.ts")).diff,
  get: async () => (await import("./get.ts")).get,
  why: async () => (await import("./why.ts")).why,
  pools: async () => (await import("./pools.ts")).pools,
  images: async () => (await import("./images/images.ts")).images,
  runtime: async () => (await import("./runtime/runtime.ts")).runtime,
  reproduce: async () => (await import("./open/reproduce.ts")).reproduce,
  shell: async () => (await import("./open/shell.ts")).shell,
  credentials: async () => (await import("./credentials.ts")).credentials,
  token: async () => (await import("./token/token.ts")).token,
  keys: async () => (await import("./keys.ts")).keys,
  audit: async () => (await import("./audit.ts")).audit,
  doctor: async () => (await import("./doctor.ts")).doctor,
  version: async () => (await import("./version.ts")).version,
};
