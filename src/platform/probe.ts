/**
 * Asks from inside a real container whether this server can be reached, before a user's first run finds
 * out. No image is pulled for it: an image with empty directories is made on the spot, and this
 * machine's own node and libraries are mounted into it, read only.
 */
import { randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import { request } from "node:http";
import { dirname, resolve } from "node:path";
import { pack } from "tar-stream";
import { BoxkiteError, messageOf } from "../domain/errors.ts";
import type { Logger } from "../lib/log.ts";
import { LABEL } from "../executors/container/container-spec.ts";
import type { EngineApi } from "../containers/api.ts";
import { EngineResponseError } from "../containers/http.ts";
import { readLogFrames } from "../containers/log-frames.ts";
import type { EngineNetwork, HostCandidate } from "./network.ts";
import { ENGINE_START_FAILURES, START_FAILURES, type StartContext } from "../containers/failures/start.ts";
import { findFailure } from "../lib/failure-table.ts";

export interface ProbeOptions {
  readonly api: EngineApi;
  readonly network: EngineNetwork;
  /** Name of the containers' network; the engine's default otherwise. */
  readonly networkName?: string | undefined;
  readonly instance: string;
  readonly port: number;
  readonly log: Logger;
  readonly path?: string;
}

export type ProbeResult =
  | { readonly kind: "reachable"; readonly candidate: HostCandidate }
  /** It could not be tried; the first candidate is the best guess. */
  | { readonly kind: "not_probed"; readonly why: string };

/** What happened to one candidate inside the container. */
interface Trial {
  readonly host: string;
  readonly status?: number;
  readonly code?: string;
}

export const PROBE_LABEL = "dev.boxkite.probe";
/** With `localhost/` and `latest`, since Podman 4 takes no other tag, and would add docker.io to a bare name. */
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
const TRIAL_TIMEOUT_MS = 3_000;
const PROBE_TIMEOUT_MS = 60_000;

/** Throws ENGINE_FAILED when no container can be started, or none reaches this machine, with the likely cause. */
export async function probeFromContainer(options: ProbeOptions): Promise<ProbeResult> {
  const { api, network } = options;
  if (network.inVirtualMachine) {
    return {
      kind: "not_probed",
      why: "the engine runs in a virtual machine, into which this machine's programs cannot be mounted",
    };
  }
  if (process.platform !== "linux")
    return { kind: "not_probed", why: `no Linux programs are here to try it with (${process.platform})` };
  let trials: readonly Trial[];
  try {
    await makeEmptyImage(api);
    trials = await runTrials(options);
  } catch (error) {
    if (error instanceof CannotStart) throw startsNothing(api, error.message);
    options.log.debug("probe could not run", { error });
    return { kind: "not_probed", why: messageOf(error) };
  }
  for (const candidate of network.candidates) {
    if (trials.some(({ host, status }) => host === candidate.host && status === 200))
      return { kind: "reachable", candidate };
  }
  throw await explain(options, trials);
}

/** Removes what earlier probes may have left when their server was killed. */
export async function removeProbes(api: EngineApi, instance: string): Promise<void> {
  const left = await api.listContainers([`${PROBE_LABEL}=${instance}`]);
  await Promise.all(left.map(({ id }) => api.removeContainer(id)));
}

async function makeEmptyImage(api: EngineApi): Promise<void> {
  if ((await api.inspectImage(IMAGE.repository)) !== undefined) return;
  const tar = pack();
  const chunks: Buffer[] = [];
  const done = new Promise<void>((resolveDone, reject) => {
    tar
      .on("data", (chunk) => chunks.push(chunk as Buffer))
      .on("end", resolveDone)
      .on("error", reject);
  });
  for (const name of DIRECTORIES) tar.entry({ name, type: "directory", mode: 0o755 });
  tar.finalize();
  await done;
  await api.importImage(Buffer.concat(chunks), IMAGE.repository, IMAGE.tag);
}

async function runTrials(options: ProbeOptions): Promise<readonly Trial[]> {
  const { api, network, port, path = "/healthz" } = options;
  const name = `boxkite-probe-${options.instance.slice(0, 30)}-${process.pid}-${randomBytes(4).toString("hex")}`;
  const urls = network.candidates.map(({ host }) => [
    host,
    `http://${host.includes(":") ? `[${host}]` : host}:${port}${path}`,
  ]);
  const mounts = [...MOUNTED, dirname(resolve(process.execPath))].filter((each) => existsSync(each));
  const created = await api.createContainer(name, {
    Image: IMAGE.repository,
    Entrypoint: [process.execPath],
    Cmd: ["-e", `(${trialProgram.toString()})(${JSON.stringify(urls)}, ${TRIAL_TIMEOUT_MS})`],
    Env: ["NODE_OPTIONS="],
    Labels: { [PROBE_LABEL]: options.instance, [LABEL.instance]: options.instance },
    HostConfig: {
      NetworkMode: options.networkName ?? "default",
      LogConfig: { Type: api.engine === "podman" ? "k8s-file" : "json-file", Config: {} },
      Binds: [...new Set(mounts)].map((each) => `${each}:${each}:ro`),
      ExtraHosts: network.candidates.flatMap(({ extraHost }) => extraHost ?? []),
      // Labels of this machine's files must not be changed for a look at them.
      SecurityOpt: ["label=disable"],
    },
  });
  if (created.kind !== "created")
    throw new BoxkiteError("ENGINE_FAILED", `the probe's container could not be created (${created.kind})`);
  try {
    await start(api, created.id);
    const exitCode = await api.waitContainer(created.id, AbortSignal.timeout(PROBE_TIMEOUT_MS));
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

class CannotStart extends Error {}

async function start(api: EngineApi, id: string): Promise<void> {
  try {
    await api.startContainer(id);
  } catch (error) {
    if (!(error instanceof EngineResponseError) || isAboutTheProgram(api, error.reason)) throw error;
    throw new CannotStart(error.reason);
  }
}

/** That the container lacks something, or is for another machine, is no fault of the engine. */
function isAboutTheProgram(api: EngineApi, reason: string): boolean {
  const row = findFailure(START_FAILURES, { text: reason }, contextOf(api, reason));
  return row?.code === "ENTRYPOINT_NOT_FOUND" || row?.code === "WRONG_ARCHITECTURE";
}

function startsNothing(api: EngineApi, reason: string): BoxkiteError {
  const { engine } = api;
  const context = contextOf(api, reason);
  const hint = findFailure(ENGINE_START_FAILURES, { text: reason }, context)?.hint?.(context);
  return new BoxkiteError("ENGINE_FAILED", `${engine} starts no container: ${reason}`, {
    hint: hint ?? `this must work: ${engine} run --rm docker.io/library/debian:12-slim true`,
  });
}

function contextOf({ engine }: EngineApi, reason: string): StartContext {
  return { engine, program: "node", reason, foreignPlatform: undefined };
}

/** Runs inside the container, so it may use nothing of this file. */
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

async function explain(
  { api, port, network, path = "/healthz" }: ProbeOptions,
  trials: readonly Trial[],
): Promise<BoxkiteError> {
  const list = trials.map(({ host, status, code }) => `${host}: ${code ?? `status ${status}`}`).join(", ");
  const message = `containers of ${api.engine} cannot reach this server at port ${port} (${list})`;
  const codes = new Set(trials.map(({ code }) => code));
  if (trials.some(({ status }) => status !== undefined)) {
    return new BoxkiteError("ENGINE_FAILED", message, {
      hint: `something else answers at port ${port}; choose another: --port`,
    });
  }
  const gateway = network.gateways[0];
  if (gateway !== undefined && (await asksHere(gateway, port, path)) === "refused") {
    return new BoxkiteError("ENGINE_FAILED", `${message}: the server does not listen at ${gateway}`, {
      hint: "let it listen at all addresses: --host 0.0.0.0",
    });
  }
  if (codes.has("TimeoutError") || codes.has("UND_ERR_CONNECT_TIMEOUT") || codes.has("EHOSTUNREACH")) {
    return new BoxkiteError(
      "ENGINE_FAILED",
      `${message}: connections from containers are dropped, most likely by a firewall`,
      {
        hint: `allow them, e.g.: ufw allow in on podman0 to any port ${port}, or: firewall-cmd --zone=trusted --add-interface=podman0`,
      },
    );
  }
  if (codes.size === 1 && codes.has("ENOTFOUND")) {
    return new BoxkiteError("ENGINE_FAILED", `${message}: none of these names exists in a container`, {
      hint: "is the engine's network of the usual kind? See its settings: podman network inspect podman, or: docker network inspect bridge",
    });
  }
  return new BoxkiteError("ENGINE_FAILED", message, {
    hint: "is the server's port right, and does it listen beyond loopback? Try --host 0.0.0.0",
  });
}

/** The same question from this machine: it tells a firewall from a server that does not listen there. */
function asksHere(host: string, port: number, path: string): Promise<"answered" | "refused" | "other"> {
  return new Promise((resolveAsk) => {
    const sent = request({ host, port, path, timeout: TRIAL_TIMEOUT_MS }, (response) => {
      response.resume();
      resolveAsk("answered");
    });
    sent.on("timeout", () => sent.destroy());
    sent.on("error", (error) =>
      resolveAsk("code" in error && error.code === "ECONNREFUSED" ? "refused" : "other"),
    );
    sent.end();
  });
}
