/**
 * Finds the container engine: sources are tried in a fixed order, and each gives an engine or the reason why it
 * has none. The first engine counts; where there is none, the error has all reasons. A source that takes long does
 * not hide a later one: the others are then tried beside it, and the first that answers counts.
 */
import { execFile } from "node:child_process";
import { stat } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { BoxkiteError, messageOf } from "../domain/errors.ts";
import { systemClock, type Clock } from "../lib/clock.ts";
import type { Logger } from "../lib/log.ts";
import { within } from "../lib/wait.ts";
import { formatEngineAddress, parseEngineAddress, type EngineAddress } from "./address.ts";
import { connectEngine, type EngineApi } from "./api.ts";
import type { EngineName } from "./types.ts";
import { findProgram, startPodmanService } from "./podman-service.ts";

export type EnginePreference = "auto" | EngineName;

export interface FindEngineOptions {
  readonly preference: EnginePreference;
  readonly log: Logger;
  readonly env?: NodeJS.ProcessEnv;
  readonly platform?: NodeJS.Platform;
  readonly home?: string;
  readonly uid?: number;
  readonly clock?: Clock;
}

export interface FoundEngine {
  readonly api: EngineApi;
  /** How it was found, e.g. "DOCKER_HOST". */
  readonly how: string;
  /** Why the sources before it gave none. */
  readonly passedOver: readonly string[];
  /** Closes the connection, and the service if it was started for us. */
  close(): Promise<void>;
}

interface HostEnvironment {
  readonly env: NodeJS.ProcessEnv;
  readonly platform: NodeJS.Platform;
  readonly home: string;
  readonly uid: number;
  readonly log: Logger;
  readonly clock: Clock;
}

type Discovery =
  | { readonly kind: "found"; readonly api: EngineApi; readonly close?: () => Promise<void> }
  | { readonly kind: "passed"; readonly why: string };

interface EngineSource {
  readonly name: string;
  /** The engine that this source gives; `any`: whichever answers. */
  readonly engine: EngineName | "any";
  /** Set by the user on purpose: if it fails, no other source is tried. */
  readonly binding: boolean;
  /** The signal gives up the wait for an answer. */
  try(signal: AbortSignal): Promise<Discovery>;
}

/** Throws ENGINE_UNREACHABLE, or CONFIG_INVALID for an address that cannot be used. */
export async function findEngine(options: FindEngineOptions): Promise<FoundEngine> {
  const host: HostEnvironment = {
    env: options.env ?? process.env,
    platform: options.platform ?? process.platform,
    home: options.home ?? homedir(),
    uid: options.uid ?? process.getuid?.() ?? -1,
    log: options.log,
    clock: options.clock ?? systemClock,
  };
  const { preference, log } = options;
  const sources = engineSources(host).filter(
    ({ engine }) => preference === "auto" || engine === "any" || engine === preference,
  );
  const passedOver: string[] = [];
  for await (const { source, discovery } of tryInTurn(sources, host.clock)) {
    if (discovery.kind === "passed") {
      passedOver.push(`${source.name}: ${discovery.why}`);
      log.debug("a source gives no engine", { source: source.name, why: discovery.why });
      if (source.binding && discovery.why !== NOT_SET) throw boundNotFound(source.name, discovery.why);
      continue;
    }
    const { api } = discovery;
    if (preference !== "auto" && api.engine !== preference) {
      passedOver.push(`${source.name}: ${api.engine} answers there, not ${preference}`);
      await closeFound(discovery);
      continue;
    }
    return { api, how: source.name, passedOver, close: () => closeFound(discovery) };
  }
  throw notFound(preference, passedOver, host);
}

/** After this, the other sources are tried beside one that has not answered. */
const PATIENCE_MS = 5_000;

interface Tried {
  readonly source: EngineSource;
  readonly discovery: Discovery;
}

/** What the sources give, one after the other. Ends those that are still being tried when it is left. */
async function* tryInTurn(sources: readonly EngineSource[], clock: Clock): AsyncIterable<Tried> {
  const left = new AbortController();
  const waiting = [...sources];
  const running = new Map<EngineSource, Promise<Tried>>();
  const tryNext = (): EngineSource | undefined => {
    const source = waiting.shift();
    if (source !== undefined)
      running.set(
        source,
        source.try(left.signal).then((discovery) => ({ source, discovery })),
      );
    return source;
  };
  try {
    while (running.size > 0 || waiting.length > 0) {
      const started = running.size === 0 ? tryNext() : undefined;
      const first = Promise.race(running.values());
      // What the user named is waited for; whatever else there is, is not meant.
      const mayBeLate = waiting.length > 0 && started?.binding !== true;
      const tried = mayBeLate ? await within(first, PATIENCE_MS, clock) : await first;
      if (tried === undefined) {
        while (tryNext() !== undefined);
        continue;
      }
      running.delete(tried.source);
      yield tried;
    }
  } finally {
    left.abort();
    for (const late of running.values())
      late
        .then(({ discovery }) => (discovery.kind === "found" ? closeFound(discovery) : undefined))
        .catch(() => {});
  }
}

async function closeFound({ api, close }: Discovery & { kind: "found" }): Promise<void> {
  await (close?.() ?? api.close());
}

const NOT_SET = "not set";

function engineSources(host: HostEnvironment): EngineSource[] {
  const runtime = host.env.XDG_RUNTIME_DIR || `/run/user/${host.uid}`;
  const rootful = socketSource("podman", "/run/podman/podman.sock", host);
  const rootless = socketSource("podman", join(runtime, "podman", "podman.sock"), host);
  const isLinux = host.platform === "linux";
  return [
    variableSource("CONTAINER_HOST", host),
    variableSource("DOCKER_HOST", host),
    // Root's own podman first for root; for others the system's socket is rarely theirs to open.
    ...(isLinux ? (host.uid === 0 ? [rootful, rootless] : [rootless, rootful]) : [machineSource(host)]),
    ...(isLinux ? [serviceSource(host)] : []),
    socketSource("docker", "/var/run/docker.sock", host),
    socketSource("docker", join(host.home, ".docker", "run", "docker.sock"), host),
    ...(isLinux ? [socketSource("docker", join(runtime, "docker.sock"), host)] : []),
  ];
}

function variableSource(name: string, host: HostEnvironment): EngineSource {
  return {
    name,
    engine: "any",
    binding: true,
    try: async (signal) => {
      const text = host.env[name];
      if (!text) return { kind: "passed", why: NOT_SET };
      return tryAddress(parseEngineAddress(text, name), host, signal);
    },
  };
}

function socketSource(engine: EngineName, socketPath: string, host: HostEnvironment): EngineSource {
  return {
    name: `${engine} at ${socketPath}`,
    engine,
    binding: false,
    try: async (signal) => {
      const exists = await stat(socketPath).catch(() => undefined);
      return exists?.isSocket()
        ? tryAddress({ kind: "unix", socketPath }, host, signal)
        : { kind: "passed", why: "no such socket" };
    },
  };
}

/** macOS and Windows: podman runs in a virtual machine, which offers a socket here. */
function machineSource(host: HostEnvironment): EngineSource {
  const { env } = host;
  return {
    name: "podman machine",
    engine: "podman",
    binding: false,
    try: async (signal) => {
      const program = await findProgram("podman", env);
      if (program === undefined) return { kind: "passed", why: "podman is not installed" };
      const format = "{{.ConnectionInfo.PodmanSocket.Path}}";
      try {
        const { stdout } = await promisify(execFile)(program, ["machine", "inspect", "--format", format], {
          env,
          timeout: 10_000,
        });
        const socketPath = stdout.split("\n")[0]?.trim() ?? "";
        return await tryAddress({ kind: "unix", socketPath }, host, signal);
      } catch (error) {
        return {
          kind: "passed",
          why: `no machine runs (${firstLine(error)}); start one: podman machine start`,
        };
      }
    },
  };
}

function serviceSource({ env, log, clock }: HostEnvironment): EngineSource {
  return {
    name: "podman system service, started by boxkite",
    engine: "podman",
    binding: false,
    try: async () => {
      const program = await findProgram("podman", env);
      if (program === undefined) return { kind: "passed", why: "podman is not installed" };
      try {
        const { api, close } = await startPodmanService({ program, env, log, clock });
        return { kind: "found", api, close };
      } catch (error) {
        return { kind: "passed", why: messageOf(error) };
      }
    },
  };
}

async function tryAddress(
  address: EngineAddress,
  { log, clock }: HostEnvironment,
  signal: AbortSignal,
): Promise<Discovery> {
  const onSlow = () =>
    log.warn("waiting for the container engine to answer", { at: formatEngineAddress(address) });
  try {
    return { kind: "found", api: await connectEngine(address, { onSlow, signal, clock }) };
  } catch (error) {
    return { kind: "passed", why: messageOf(error) };
  }
}

function firstLine(error: unknown): string {
  return messageOf(error).split("\n")[0] ?? "";
}

function boundNotFound(name: string, why: string): BoxkiteError {
  return new BoxkiteError("ENGINE_UNREACHABLE", `${name} is set, but ${why}`, {
    hint: `start the engine at that address, or unset ${name} to let boxkite look for one`,
  });
}

function notFound(
  preference: EnginePreference,
  passedOver: readonly string[],
  { platform }: HostEnvironment,
): BoxkiteError {
  const what = preference === "auto" ? "container engine" : preference;
  const install =
    preference === "docker"
      ? "start it: systemctl start docker; or install it, e.g.: apt install docker.io, or Docker Desktop"
      : platform === "linux"
        ? "install one, e.g.: apt install podman, or: dnf install podman"
        : platform === "darwin"
          ? "install one, e.g.: brew install podman && podman machine init && podman machine start"
          : "install Podman Desktop or Docker Desktop and start it";
  return new BoxkiteError(
    "ENGINE_UNREACHABLE",
    `no ${what} was found:\n${passedOver.map((each) => `  - ${each}`).join("\n")}`,
    {
      hint: `${install}; or run tasks without containers: --engine process`,
    },
  );
}
