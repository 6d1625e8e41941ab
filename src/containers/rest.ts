/** The REST API of a connected engine. Status 404 means that something does not exist. */
import { createBackoff } from "../lib/backoff.ts";
import type { Clock } from "../lib/clock.ts";
import { findFailure, type FailureRow } from "../lib/failure-table.ts";
import { isOnThisMachine } from "./address.ts";
import type { EngineApi } from "./api.ts";
import {
  decodeContainer,
  decodeImage,
  decodeInfo,
  decodeMemory,
  decodeRootlessPodman,
  decodeSummary,
  parse,
  stringOf,
  type EngineVersion,
  type Raw,
} from "./decode.ts";
import { KILL_FAILURES } from "./failures/kill.ts";
import { REMNANT_FAILURES } from "./failures/storage.ts";
import {
  CALL_TIMEOUT_MS,
  EngineResponseError,
  LIBPOD,
  reasonOf,
  type CallOptions,
  type EngineHttp,
} from "./http.ts";
import { createEngineNetworks } from "./networks.ts";
import { decodeEvents, readPull } from "./streams.ts";

/**
 * Podman 4.3 removes a container in several steps, concurrently with its own clean-up at the container's end:
 * sometimes a mount is still busy (500). The next attempt removes the rest.
 */
const REMOVAL_BACKOFF = { baseMs: 100, factor: 4 };
const REMOVAL_ATTEMPTS = 4;

export function createEngineApi(
  http: EngineHttp,
  { engine, version, apiVersion }: EngineVersion,
  clock: Clock,
): EngineApi {
  const prefix = `/v${apiVersion}`;
  const container = (id: string, verb = "") => `${prefix}/containers/${encodeURIComponent(id)}${verb}`;
  const image = (reference: string) =>
    `${prefix}/images/${reference.split("/").map(encodeURIComponent).join("/")}`;

  /** The response's text; undefined for one of the `absent` statuses. Every other status throws. */
  const ask = async (
    method: string,
    path: string,
    options: CallOptions = {},
    absent: readonly number[] = [],
  ) => {
    const { status, text } = await http.call(method, path, options);
    if (status >= 200 && status < 300) return text;
    if (absent.includes(status)) return undefined;
    throw new EngineResponseError(`${method} ${path}`, status, reasonOf(text));
  };
  const getSettled = async (path: string) => {
    const answer = await http.call("GET", path);
    // Podman 4.3 answers 500 while the object is being removed; the next answer is 404.
    return answer.status >= 500 ? await http.call("GET", path) : answer;
  };
  const isPodmanFailure = (rows: readonly FailureRow<string, unknown>[], status: number, text: string) =>
    engine === "podman" &&
    status >= 500 &&
    findFailure(rows, { text: reasonOf(text) }, undefined) !== undefined;
  const isRemnant = (status: number, text: string) => isPodmanFailure(REMNANT_FAILURES, status, text);
  /** Undefined for what is not there, or counts as such by its answer. */
  const inspect = async <T>(
    path: string,
    decode: (raw: Raw) => T,
    isAbsent: (status: number, text: string) => boolean = () => false,
  ): Promise<T | undefined> => {
    const { status, text } = await getSettled(path);
    if (status === 404 || isAbsent(status, text)) return undefined;
    if (status !== 200) throw new EngineResponseError(`GET ${path}`, status, reasonOf(text));
    return decode(parse(text));
  };
  /** A remnant is never inspected with success, and keeps its name. */
  const isNameInUse = async (name: string) => {
    const { status, text } = await getSettled(container(name, "/json"));
    return status === 200 || isRemnant(status, text);
  };
  // Podman's Docker-compatible list inspects each container: one remnant, or one that is removed meanwhile, and it fails.
  const listPath = `${engine === "podman" ? LIBPOD : prefix}/containers/json`;

  return {
    address: http.address,
    engine,
    version,
    onThisMachine: isOnThisMachine(http.address),
    info: async () => {
      const info = decodeInfo(parse((await ask("GET", `${prefix}/info`)) ?? "{}"));
      if (engine !== "podman" || !info.rootless) return info;
      const own = await ask("GET", `${LIBPOD}/info`, {}, [400, 404]);
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
      if (status === 201) return { kind: "created", id: stringOf(parse(text).Id) };
      if (status === 409) return { kind: "exists" };
      // The engines use 404 here for a missing image only.
      if (status === 404) return { kind: "image_missing" };
      // Podman 4 answers 500 for a name in use; that the container exists proves it.
      if (status >= 500 && (await isNameInUse(name))) return { kind: "exists" };
      throw new EngineResponseError("POST /containers/create", status, reasonOf(text));
    },
    putArchive: async (id, tar, { directory = "/", ownedByUser } = {}) => {
      const query = { path: directory, copyUIDGID: ownedByUser };
      await ask("PUT", container(id, "/archive"), { query, body: tar });
    },
    getArchive: async (id, path) => {
      try {
        return await http.stream("GET", container(id, "/archive"), { query: { path } });
      } catch (error) {
        if (error instanceof EngineResponseError && error.status === 404) return undefined;
        throw error;
      }
    },
    hasPath: async (id, path) =>
      (await ask("HEAD", container(id, "/archive"), { query: { path } }, [404])) !== undefined,
    startContainer: async (id) => void (await ask("POST", container(id, "/start"), {}, [304])),
    attachContainer: (id) => http.upgrade(`${container(id, "/attach")}?stream=1&stdout=1&stderr=1`),
    inspectContainer: (id) => inspect(container(id, "/json"), decodeContainer, isRemnant),
    memoryOf: async (id) => {
      // Without `one-shot` Docker waits a second for the use of processors.
      const query = { stream: false, "one-shot": true };
      const text = await ask("GET", container(id, "/stats"), { query }, [404, 409]);
      return text === undefined ? undefined : decodeMemory(parse(text));
    },
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
      const timeoutMs = graceSeconds * 1000 + CALL_TIMEOUT_MS;
      await ask("POST", container(id, "/stop"), { query: { t: graceSeconds }, timeoutMs }, [304, 404]);
    },
    killContainer: async (id, signal) => {
      const path = container(id, "/kill");
      const { status, text } = await http.call("POST", path, { query: { signal } });
      if (status < 300 || status === 404 || status === 409) return;
      if (isPodmanFailure(KILL_FAILURES, status, text)) return;
      throw new EngineResponseError(`POST ${path}`, status, reasonOf(text));
    },
    removeContainer: async (id) => {
      const backoff = createBackoff(REMOVAL_BACKOFF, clock);
      for (let tries = 1; ; tries++) {
        const { status, text } = await http.call("DELETE", container(id), {
          query: { force: true, v: true },
        });
        // 409: it is being removed already.
        if (status < 300 || status === 404 || status === 409) return;
        if (status < 500 || tries === REMOVAL_ATTEMPTS) {
          throw new EngineResponseError(`DELETE /containers/${id}`, status, reasonOf(text));
        }
        await backoff.wait();
      }
    },
    listContainers: async (labels) => {
      const text = await ask("GET", listPath, {
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
    networks: createEngineNetworks(http, engine, prefix),
    close: () => http.close(),
  };
}
