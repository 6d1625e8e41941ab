/**
 * The part of the Docker-compatible REST API that Boxkite uses; Podman and Docker both serve it.
 * That something does not exist is returned as a value, not thrown.
 */
import type { Duplex } from "node:stream";
import { BoxkiteError } from "../domain/errors.ts";
import { type Clock, systemClock } from "../lib/clock.ts";
import { within } from "../lib/wait.ts";
import { formatEngineAddress, type EngineAddress } from "./address.ts";
import { decodeVersion } from "./decode.ts";
import { createEngineHttp } from "./http.ts";
import type { EngineNetworks } from "./networks.ts";
import { createEngineApi } from "./rest.ts";
import type {
  ContainerState,
  ContainerSummary,
  CreateResult,
  EngineEvent,
  EngineImage,
  EngineInfo,
  EngineName,
  PullOptions,
} from "./types.ts";

/** The first answer may take long if the engine was idle or its machine is busy. */
const CONNECT_TIMEOUT_MS = 60_000;
/** After this time the caller is notified that the engine is slow. */
const SLOW_MS = 5_000;

export interface EngineApi {
  readonly address: EngineAddress;
  readonly engine: EngineName;
  readonly version: string;
  readonly onThisMachine: boolean;
  info(): Promise<EngineInfo>;
  inspectImage(reference: string): Promise<EngineImage | undefined>;
  /** Reads the whole response: engines report a failure in the last line, with status 200. */
  pullImage(reference: string, options?: PullOptions): Promise<void>;
  /** Creates an image from a tar of its root directory. */
  importImage(tar: Buffer, repository: string, tag: string): Promise<void>;
  removeImage(reference: string): Promise<void>;
  createContainer(name: string, body: unknown): Promise<CreateResult>;
  /** Unpacks a tar into the root directory of a container, which need not be running, or into `directory`. */
  putArchive(id: string, tar: TarSource, options?: PutArchiveOptions): Promise<void>;
  /** Whether a container, which need not be running, has a file or directory at this path. */
  hasPath(id: string, path: string): Promise<boolean>;
  /** A tar of a file or directory of a container, which need not be running; undefined where it has none at this path. */
  getArchive(id: string, path: string): Promise<AsyncIterable<Buffer> | undefined>;
  /** Starting a running container is no error. */
  startContainer(id: string): Promise<void>;
  /** Output from now on, multiplexed; ends with the container. Must be called BEFORE the start: see attempt-container.ts. */
  attachContainer(id: string): Promise<Duplex>;
  /** Undefined also for what Podman's storage has lost (failures/storage.ts): it is listed, and can be removed. */
  inspectContainer(id: string): Promise<ContainerState | undefined>;
  /** Bytes that a running container has in use, without cached files that it does not use; undefined where that is not known. */
  memoryOf(id: string): Promise<number | undefined>;
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
  readonly networks: EngineNetworks;
  close(): void;
}

/** A function opens it, each time from its beginning: a call may be made again. */
export type TarSource = Buffer | (() => AsyncIterable<unknown>);

export interface PutArchiveOptions {
  /** Absolute. Links of the container are followed. Podman makes it where it does not exist, Docker answers 404. @default / */
  readonly directory?: string;
  /**
   * Podman: everything, also the directories that the tar only implies, belongs to the container's user. Docker looks that
   * user up on its own machine, and fails. @default false, as the tar says
   */
  readonly ownedByUser?: boolean;
}

export interface ConnectOptions {
  /** Called once if the engine has not answered after 5 s; the connection attempt continues. */
  readonly onSlow?: () => void;
  /** Gives the connection up; rejects with the signal's reason. */
  readonly signal?: AbortSignal;
  readonly clock?: Clock;
}

/** Connects, and asks for the version. Throws ENGINE_UNREACHABLE if there is no answer within 60 s. */
export async function connectEngine(
  address: EngineAddress,
  { onSlow = () => {}, signal, clock = systemClock }: ConnectOptions = {},
): Promise<EngineApi> {
  const http = createEngineHttp(address, clock);
  const slow = clock.timer(SLOW_MS, onSlow);
  try {
    const response = await within(
      http.call("GET", "/version", { timeoutMs: 0, ...(signal && { signal }) }),
      CONNECT_TIMEOUT_MS,
      clock,
    );
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
    return createEngineApi(http, version, clock);
  } catch (error) {
    http.close();
    throw error;
  } finally {
    slow.cancel();
  }
}
