/**
 * The container of a probe. No image is pulled for it: one with empty directories is created, and this
 * machine's own node and libraries are mounted into it, read-only.
 */
import { randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import { dirname, resolve } from "node:path";
import type { EngineApi } from "../containers/api.ts";
import { START_FAILURES } from "../containers/failures/start.ts";
import { EngineResponseError } from "../containers/http.ts";
import { readLogFrames } from "../containers/log-frames.ts";
import { rootArchive } from "../containers/root-archive.ts";
import { BoxkiteError } from "../domain/errors.ts";
import { LABEL } from "../executors/container/container-spec.ts";
import { findFailure } from "../lib/failure-table.ts";
import { hostPort } from "../lib/host-port.ts";
import type { Logger } from "../lib/log.ts";
import type { EngineNetwork } from "./network.ts";

export interface ProbeOptions {
  readonly api: EngineApi;
  readonly network: EngineNetwork;
  readonly instance: string;
  readonly port: number;
  /** The name of the network to try it on. @default the engine's own */
  readonly networkMode?: string | undefined;
  readonly log: Logger;
  /** Ends the probe early. */
  readonly signal?: AbortSignal | undefined;
}

/** The result for one candidate. */
export interface Trial {
  readonly host: string;
  readonly status?: number;
  readonly code?: string;
}

/** With `localhost/` and `latest`: Podman 4 accepts no other tag, and would add docker.io to a name without host. */
const IMAGE = { repository: "localhost/boxkite/probe-1", tag: "latest" } as const;
const DIRECTORIES = [
  "usr",
  "bin",
  "sbin",
  "lib",
  "lib64",
  "lib32",
  "etc",
  "proc",
  "sys",
  "dev",
  "tmp",
  "run",
];
const MOUNTED = ["/usr", "/bin", "/sbin", "/lib", "/lib64", "/nix/store"];
/** Answered by every server that runs, whether it is healthy or not. */
export const LIVE_PATH = "/livez";
/** The time limit for one candidate. */
export const TRIAL_TIMEOUT_MS = 3_000;
const PROBE_TIMEOUT_MS = 60_000;

/** Removes containers of earlier probes whose server was killed. */
export async function removeProbes(api: EngineApi, instance: string): Promise<void> {
  const left = await api.listContainers([`${LABEL.probe}=${instance}`]);
  const own = left.filter(({ labels }) => labels[LABEL.kind] === "probe");
  await Promise.all(own.map(({ id }) => api.removeContainer(id)));
}

export async function makeEmptyImage(api: EngineApi): Promise<void> {
  if ((await api.inspectImage(IMAGE.repository)) !== undefined) return;
  const tar = await rootArchive({ directories: DIRECTORIES });
  await api.importImage(tar, IMAGE.repository, IMAGE.tag);
}

/** Throws CannotStart if the engine cannot start any container. */
export async function runTrials(options: ProbeOptions): Promise<readonly Trial[]> {
  const { api, network, port } = options;
  const name = `boxkite-probe-${options.instance.slice(0, 30)}-${process.pid}-${randomBytes(4).toString("hex")}`;
  const urls = network.candidates.map(({ host }) => [host, `http://${hostPort(host, port)}${LIVE_PATH}`]);
  const mounts = [...MOUNTED, dirname(resolve(process.execPath))].filter((each) => existsSync(each));
  const created = await api.createContainer(name, {
    Image: IMAGE.repository,
    Entrypoint: [process.execPath],
    Cmd: ["-e", `(${trialProgram.toString()})(${JSON.stringify(urls)}, ${TRIAL_TIMEOUT_MS})`],
    Env: ["NODE_OPTIONS="],
    Labels: { [LABEL.kind]: "probe", [LABEL.probe]: options.instance, [LABEL.instance]: options.instance },
    HostConfig: {
      NetworkMode: options.networkMode ?? "default",
      LogConfig: { Type: api.engine === "podman" ? "k8s-file" : "json-file", Config: {} },
      Binds: [...new Set(mounts)].map((each) => `${each}:${each}:ro`),
      ExtraHosts: network.candidates.flatMap(({ extraHost }) => extraHost ?? []),
      // The SELinux labels of this machine's files must not be changed.
      SecurityOpt: ["label=disable"],
    },
  });
  if (created.kind !== "created")
    throw new BoxkiteError("ENGINE_FAILED", `the probe's container could not be created (${created.kind})`);
  try {
    await start(api, created.id);
    const timeout = AbortSignal.timeout(PROBE_TIMEOUT_MS);
    const waiting = options.signal === undefined ? timeout : AbortSignal.any([timeout, options.signal]);
    const exitCode = await api.waitContainer(created.id, waiting);
    const output = await outputOf(api, created.id);
    const last = output.trim().split("\n").at(-1) ?? "";
    if (exitCode !== 0 || !last.startsWith("[")) {
      throw new BoxkiteError(
        "ENGINE_FAILED",
        `the probe ended with code ${exitCode}: ${output.trim().slice(-300) || "no output"}`,
      );
    }
    return JSON.parse(last) as Trial[];
  } finally {
    await api.removeContainer(created.id);
  }
}

/** The message is the engine's own. */
export class CannotStart extends Error {}

async function start(api: EngineApi, id: string): Promise<void> {
  try {
    await api.startContainer(id);
  } catch (error) {
    if (!(error instanceof EngineResponseError) || isAboutTheProgram(api, error.reason)) throw error;
    throw new CannotStart(error.reason);
  }
}

/** Runs inside the container, so it must not use anything else of this file. */
function trialProgram(targets: [string, string][], timeoutMs: number): void {
  const ask = async ([host, url]: [string, string]) => {
    try {
      const response = await fetch(url, { signal: AbortSignal.timeout(timeoutMs) });
      return { host, status: response.status };
    } catch (error) {
      const { name, cause } = error as { name: string; cause?: { code?: string } };
      return { host, code: cause?.code ?? name };
    }
  };
  void Promise.all(targets.map(ask)).then((trials) => process.stdout.write(`${JSON.stringify(trials)}\n`));
}

async function outputOf(api: EngineApi, id: string): Promise<string> {
  const chunks = await api.containerLogs(id, { follow: false });
  const parts: string[] = [];
  if (chunks) for await (const { payload } of readLogFrames(chunks)) parts.push(payload.toString());
  return parts.join("");
}

/** Whether the failure is that of the program or its architecture, not of the engine. */
function isAboutTheProgram(api: EngineApi, reason: string): boolean {
  const row = findFailure(
    START_FAILURES,
    { text: reason },
    {
      engine: api.engine,
      program: "node",
      reason,
      foreignPlatform: undefined,
    },
  );
  return row?.code === "ENTRYPOINT_NOT_FOUND" || row?.code === "WRONG_ARCHITECTURE";
}
