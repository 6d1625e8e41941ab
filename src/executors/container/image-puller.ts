/** Pulls pinned images into the engine; concurrent pulls of one image are one. */
import { BoxkiteError } from "../../domain/errors.ts";
import type { Clock } from "../../lib/clock.ts";
import { parseImageReference } from "../../images/reference.ts";
import { registryAuthHeader, type CredentialSource } from "../../images/registry/credentials.ts";
import type { RegistryClients } from "../../images/registry/registry-clients.ts";
import { watchPull } from "../../containers/pull-watch.ts";
import { retryIfStorageChanged } from "../../containers/storage-retry.ts";
import type { Registries } from "../../images/registry/registries.ts";
import type { ResolvedImage } from "../../domain/image.ts";
import type { EngineApi } from "../../containers/api.ts";
import type { PullProgress } from "../../containers/types.ts";
import { explainPull, hasOwnAccess } from "./pull-explanation.ts";

export interface ImagePullerOptions {
  readonly api: EngineApi;
  readonly registryFor: RegistryClients;
  readonly credentials: CredentialSource;
  readonly registries: Registries;
  /** The engine's command line, for settings of a registry that its API does not take. Docker's takes none either. */
  readonly pullByCommand: PullByCommand | undefined;
  readonly clock: Clock;
}

export type PullByCommand = (reference: string, signal: AbortSignal) => Promise<void>;

export interface ImagePuller {
  /**
   * Resolves when the engine has the image. `isTrusted`: whether it may come from any host (lib/egress.ts). Throws
   * BoxkiteError; IMAGE_* where the registry is the reason.
   */
  pull(image: ResolvedImage, isTrusted: boolean, onProgress: (message: string) => void): Promise<void>;
  /** Cancels what is being pulled. */
  close(): void;
}

/** Engines report each layer some times a second; people need less. */
const PROGRESS_EVERY_MS = 500;

interface RunningPull {
  readonly done: Promise<void>;
  readonly listeners: Set<(message: string) => void>;
}

export function createImagePuller(options: ImagePullerOptions): ImagePuller {
  const { api, registryFor, credentials, registries, pullByCommand, clock } = options;
  const running = new Map<string, RunningPull>();
  const closing = new AbortController();

  const pullNow = async (
    image: ResolvedImage,
    isTrusted: boolean,
    listeners: ReadonlySet<(message: string) => void>,
  ) => {
    const reference = parseImageReference(image.pinned);
    const registry = registryFor(isTrusted);
    await registry.requireAllowed(reference);
    const progress = createProgressText(image.reference, clock, (message) => {
      for (const listener of listeners) listener(message);
    });
    let refusal: unknown;
    try {
      await watchPull({
        pull: (signal, onProgress) =>
          pullOnce(image, signal, (line) => {
            onProgress();
            progress(line);
          }),
        check: () =>
          registry.requireLayers(reference).catch((error: unknown) => {
            refusal = error;
            throw error;
          }),
        signal: closing.signal,
        clock,
      });
    } catch (error) {
      throw closing.signal.aborted || error === refusal
        ? error
        : await explainPull(options, registry, image, error);
    }
  };

  const pullOnce = async (
    image: ResolvedImage,
    signal: AbortSignal,
    onProgress: (line: PullProgress) => void,
  ): Promise<void> => {
    const reference = parseImageReference(image.pinned);
    if (pullByCommand !== undefined && hasOwnAccess(registries, reference.host))
      return pullByCommand(image.pinned, signal);
    const credential = await credentials(reference.host, reference.repository);
    const auth = credential && registryAuthHeader(credential, reference.host);
    await retryIfStorageChanged(() => api.pullImage(image.pinned, { auth, signal, onProgress }), {
      signal,
      clock,
    });
  };

  return {
    pull: async (image, isTrusted, onProgress) => {
      if (image.source !== "registry") {
        throw new BoxkiteError(
          "IMAGE_NOT_FOUND",
          `${api.engine} no longer has the image ${image.reference} (${image.pinned})`,
          {
            hint: `build it again, or push it to a registry, and start a new run; with --image-policy pinned first: boxkite images unpin ${image.reference}`,
          },
        );
      }
      const key = `${isTrusted} ${image.pinned}`;
      let pull = running.get(key);
      if (pull === undefined) {
        const listeners = new Set<(message: string) => void>();
        const done = pullNow(image, isTrusted, listeners).finally(() => running.delete(key));
        pull = { done, listeners };
        running.set(key, pull);
      }
      pull.listeners.add(onProgress);
      onProgress(`pulling image ${image.reference}`);
      try {
        await pull.done;
      } finally {
        pull.listeners.delete(onProgress);
      }
    },
    close: () => closing.abort(new Error("the executor was closed")),
  };
}

const DONE = /^(already exists|download complete|pull complete)$/i;

/** "pulling image NAME: 3 of 7 layers, 120 MB" */
function createProgressText(
  name: string,
  clock: Clock,
  report: (message: string) => void,
): (line: PullProgress) => void {
  const layers = new Map<string, { done: boolean; bytes: number }>();
  let reportedAtMs = clock.now();
  return ({ id, status, current }) => {
    if (id === "") return;
    const layer = layers.get(id) ?? { done: false, bytes: 0 };
    layers.set(id, { done: layer.done || DONE.test(status), bytes: Math.max(layer.bytes, current ?? 0) });
    if (clock.now() - reportedAtMs < PROGRESS_EVERY_MS) return;
    reportedAtMs = clock.now();
    const all = [...layers.values()];
    const megabytes = Math.round(all.reduce((sum, each) => sum + each.bytes, 0) / 1e6);
    const size = megabytes > 0 ? `, ${megabytes} MB` : "";
    report(`pulling image ${name}: ${all.filter(({ done }) => done).length} of ${all.length} layers${size}`);
  };
}
