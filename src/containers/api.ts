/**
 * The part of the Docker-compatible REST API that Boxkite uses; Podman and Docker both serve it.
 * What an engine says about a thing that is not there is a value, not an error: 404 by status.
 */
import type { Duplex } from "node:stream";
import { setTimeout as delay } from "node:timers/promises";
import { BoxkiteError } from "../domain/errors.ts";
import { systemClock, type Clock } from "../lib/clock.ts";
import { within } from "../lib/wait.ts";
import { formatEngineAddress, isOnThisMachine, type EngineAddress } from "./address.ts";
import {
  createEngineHttp,
  EngineResponseError,
  reasonOf,
  type CallOptions,
  type EngineHttp,
} from "./http.ts";
import {
  decodeContainer,
  decodeImage,
  decodeInfo,
  decodeNetwork,
  decodeRootlessPodman,
  decodeSummary,
  decodeVersion,
  parse,
  textOf,
  type EngineVersion,
  type Raw,
} from "./decode.ts";
import type {
  ContainerState,
  ContainerSummary,
  CreateResult,
  EngineEvent,
  EngineInfo,
  EngineName,
  EngineImage,
  NetworkDetails,
  PullOptions,
} from "./types.ts";
import { readJsonLines } from "./json-lines.ts";

/**
 * Podman 4.3 removes in several steps, beside the clean-up that it starts itself at a container's end:
 * now and then a mount is still busy (500). What is left then goes with the next try.
 */
const REMOVAL_RETRIES_MS = [100, 400, 1_600];
/** An engine that was idle, or whose machine is busy, takes its time for the first answer. */
const CONNECT_TIMEOUT_MS = 60_000;
/** After this, whoever waits is told what for. */
const SLOW_MS = 5_000;

export interface EngineApi {
  readonly address: EngineAddress;
  readonly engine: EngineName;
  readonly version: string;
  readonly onThisMachine: boolean;
  info(): Promise<EngineInfo>;
  inspectImage(reference: string): Promise<EngineImage | undefined>;
  /** Reads the answer to its end: an engine reports failure in its last line, under status 200. */
  pullImage(reference: string, options?: PullOptions): Promise<void>;
  /** Makes an image of a tar of its root directory. */
  importImage(tar: Buffer, repository: string, tag: string): Promise<void>;
  removeImage(reference: string): Promise<void>;
  createContainer(name: string, body: unknown): Promise<CreateResult>;
  /** Unpacks a tar over the root directory of a container, which need not run. */
  putArchive(id: string, tar: Buffer): Promise<void>;
  /** Starting a running container is no error. */
  startContainer(id: string): Promise<void>;
  /** Output from now on, multiplexed; ends with the container. To be called BEFORE the start: see container-attempt.ts. */
  attachContainer(id: string): Promise<Duplex>;
  inspectContainer(id: string): Promise<ContainerState | undefined>;
  containerLogs(
    id: string,
    options: { follow: boolean; signal?: AbortSignal },
  ): Promise<AsyncIterable<Buffer> | undefined>;
  /** Waits for the end; resolves to the exit code. */
  waitContainer(id: string, signal?: AbortSignal): Promise<number>;
  /** Resolves when it has stopped. Stopped or unknown already: no error. */
  stopContainer(id: string, graceSeconds: number): Promise<void>;
  killContainer(id: string, signal: string): Promise<void>;
  /** Kills it if need be; removes its anonymous volumes too. Unknown: no error. */
  removeContainer(id: string): Promise<void>;
  listContainers(labels: readonly string[]): Promise<ContainerSummary[]>;
  /** Of containers with these labels. Ends when the connection does. */
  events(labels: readonly string[], signal: AbortSignal): Promise<AsyncIterable<EngineEvent>>;
  listNetworks(): Promise<NetworkDetails[]>;
  close(): void;
}

export interface ConnectOptions {
  /** Called once if the engine has not answered after some seconds; it is waited for all the same. */
  readonly onSlow?: () => void;
  readonly clock?: Clock;
}

/** Asks who is there. Throws ENGINE_UNREACHABLE, for want of an answer after 60 s. */
export async function connectEngine(
  address: EngineAddress,
  { onSlow = () => {}, clock = systemClock }: ConnectOptions = {},
): Promise<EngineApi> {
  const http = createEngineHttp(address);
  const slow = clock.timer(SLOW_MS, onSlow);
  try {
    const response = await within(http.call("GET", "/version", { timeoutMs: 0 }), CONNECT_TIMEOUT_MS, clock);
    if (response === undefined) {
      throw new BoxkiteError(
        "ENGINE_UNREACHABLE",
        `${formatEngineAddress(address)} does not answer: it was asked GET /version ${CONNECT_TIMEOUT_MS / 1_000} s ago`,
        { hint: "is the engine hung? try it by hand: podman info, or: docker info" },
      );
    }
    const version = decodeVersion(response.text);
    if (response.status !== 200 || version === undefined) {
      throw new BoxkiteError(
        "ENGINE_UNREACHABLE",
        `${formatEngineAddress(address)} is not a container engine: it answered GET /version with ${response.status}`,
        {
          hint: "point DOCKER_HOST or CONTAINER_HOST at the socket of Podman or Docker",
        },
      );
    }
    return createEngineApi(http, version);
  } catch (error) {
    http.close();
    throw error;
  } finally {
    slow.cancel();
  }
}

function createEngineApi(http: EngineHttp, { engine, version, apiVersion }: EngineVersion): EngineApi {
  const prefix = `/v${apiVersion}`;
  const container = (id: string, verb = "") => `${prefix}/containers/${encodeURIComponent(id)}${verb}`;
  const image = (reference: string) =>
    `${prefix}/images/${reference.split("/").map(encodeURIComponent).join("/")}`;

  /** The answer's text, or undefined on one of the `absent` statuses; every other status throws. */
  const ask = async (
    method: string,
    path: string,
    options: CallOptions = {},
    absent: readonly number[] = [],
  ) => {
    const { status, text } = await http.call(method, path, options);
    if (status >= 200 && status < 300) return text;
    if (absent.includes(status)) return undefined;
    throw new EngineResponseError(`${method} ${path.slice(prefix.length)}`, status, reasonOf(text));
  };
  const inspect = async <T>(path: string, decode: (raw: Raw) => T): Promise<T | undefined> => {
    let { status, text } = await http.call("GET", path);
    // Podman 4.3 answers 500 to a question that meets the removal of what was asked for; the next
    // answer is 404.
    if (status >= 500) ({ status, text } = await http.call("GET", path));
    if (status === 404) return undefined;
    if (status !== 200)
      throw new EngineResponseError(`GET ${path.slice(prefix.length)}`, status, reasonOf(text));
    return decode(parse(text));
  };

  return {
    address: http.address,
    engine,
    version,
    onThisMachine: isOnThisMachine(http.address),
    info: async () => {
      const info = decodeInfo(parse((await ask("GET", `${prefix}/info`)) ?? "{}"));
      if (engine !== "podman" || !info.rootless) return info;
      const own = await ask("GET", "/v4.0.0/libpod/info", {}, [400, 404]);
      return { ...info, ...decodeRootlessPodman(parse(own ?? "{}")) };
    },

    inspectImage: (reference) => inspect(`${image(reference)}/json`, decodeImage),
    pullImage: async (reference, { auth, signal, onProgress } = {}) => {
      const response = await http.stream("POST", `${prefix}/images/create`, {
        query: { fromImage: reference },
        headers: auth === undefined ? {} : { "X-Registry-Auth": auth },
        timeoutMs: 0,
        ...(signal && { signal }),
      });
      await readPull(response, onProgress);
    },
    importImage: async (tar, repository, tag) => {
      const response = await http.stream("POST", `${prefix}/images/create`, {
        query: { fromSrc: "-", repo: repository, tag },
        body: tar,
      });
      await readPull(response, undefined);
    },
    removeImage: async (reference) => void (await ask("DELETE", image(reference), {}, [404])),

    createContainer: async (name, body) => {
      const path = `${prefix}/containers/create`;
      const { status, text } = await http.call("POST", path, { query: { name }, body });
      if (status === 201) return { kind: "created", id: textOf(parse(text).Id) };
      if (status === 409) return { kind: "exists" };
      // The engines use 404 here for a missing image only.
      if (status === 404) return { kind: "image_missing" };
      // Podman 4 answers 500 for a name in use; that it can be found is the proof.
      if (status >= 500 && (await inspect(container(name, "/json"), () => true))) return { kind: "exists" };
      throw new EngineResponseError("POST /containers/create", status, reasonOf(text));
    },
    putArchive: async (id, tar) => {
      await ask("PUT", container(id, "/archive"), { query: { path: "/" }, body: tar });
    },
    startContainer: async (id) => void (await ask("POST", container(id, "/start"), {}, [304])),
    attachContainer: (id) => http.upgrade(`${container(id, "/attach")}?stream=1&stdout=1&stderr=1`),
    inspectContainer: (id) => inspect(container(id, "/json"), decodeContainer),
    containerLogs: async (id, { follow, signal }) => {
      try {
        return await http.stream("GET", container(id, "/logs"), {
          query: { follow, stdout: true, stderr: true, timestamps: true },
          ...(signal && { signal }),
        });
      } catch (error) {
        if (error instanceof EngineResponseError && error.status === 404) return undefined;
        throw error;
      }
    },
    waitContainer: async (id, signal) => {
      const text = await ask("POST", container(id, "/wait"), { timeoutMs: 0, ...(signal && { signal }) });
      return Number(parse(text ?? "{}").StatusCode);
    },
    stopContainer: async (id, graceSeconds) => {
      await ask("POST", container(id, "/stop"), { query: { t: graceSeconds }, timeoutMs: 0 }, [304, 404]);
    },
    killContainer: async (id, signal) => {
      await ask("POST", container(id, "/kill"), { query: { signal } }, [404, 409]);
    },
    removeContainer: async (id) => {
      for (const waitMs of [...REMOVAL_RETRIES_MS, undefined]) {
        const { status, text } = await http.call("DELETE", container(id), {
          query: { force: true, v: true },
        });
        // 409: its removal is under way already.
        if (status < 300 || status === 404 || status === 409) return;
        if (status >= 500 && waitMs !== undefined) await delay(waitMs);
        else throw new EngineResponseError(`DELETE /containers/${id}`, status, reasonOf(text));
      }
    },
    listContainers: async (labels) => {
      const text = await ask("GET", `${prefix}/containers/json`, {
        query: { all: true, filters: JSON.stringify({ label: labels }) },
      });
      return (parse(text ?? "[]") as unknown as Raw[]).map(decodeSummary);
    },
    events: async (labels, signal) => {
      const filters = JSON.stringify({ type: ["container"], label: labels });
      const response = await http.stream("GET", `${prefix}/events`, {
        query: { filters },
        timeoutMs: 0,
        signal,
      });
      return decodeEvents(response);
    },
    listNetworks: async () => {
      const text = await ask("GET", `${prefix}/networks`);
      return (parse(text ?? "[]") as unknown as Raw[]).map(decodeNetwork);
    },
    close: () => http.close(),
  };
}

/** An error line means failure, whatever the status was; a stream that breaks off throws by itself. */
async function readPull(
  response: AsyncIterable<Buffer>,
  onProgress: PullOptions["onProgress"],
): Promise<void> {
  let failure: string | undefined;
  for await (const raw of readJsonLines(response)) {
    const line = raw as Raw;
    if (line.error !== undefined || line.errorDetail !== undefined) {
      failure = textOf(
        (line.errorDetail as Raw | undefined)?.message ?? line.error,
        "the engine gave no reason",
      );
      continue;
    }
    const detail = line.progressDetail as Raw | undefined;
    onProgress?.({
      id: textOf(line.id),
      status: textOf(line.status),
      ...(typeof detail?.current === "number" && { current: detail.current }),
      ...(typeof detail?.total === "number" && { total: detail.total }),
    });
  }
  if (failure !== undefined) throw new BoxkiteError("ENGINE_FAILED", failure);
}

async function* decodeEvents(response: AsyncIterable<Buffer>): AsyncGenerator<EngineEvent> {
  for await (const raw of readJsonLines(response)) {
    const line = raw as Raw;
    const actor = line.Actor as Raw | undefined;
    yield {
      action: textOf(line.Action ?? line.status),
      containerId: textOf(actor?.ID ?? line.id),
    };
  }
}
