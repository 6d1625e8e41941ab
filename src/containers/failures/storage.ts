/**
 * Messages of an engine whose storage was changed concurrently: an image or a layer that it was about to use was
 * removed. A repetition uses another image, or pulls it again.
 */
import type { FailureRow } from "../../lib/failure-table.ts";

export const STORAGE_FAILURES: readonly FailureRow<"ENGINE_FAILED", unknown>[] = [
  {
    answers: { text: /\b(layer|image) not known\b/ },
    code: "ENGINE_FAILED",
    kind: "system",
    retry: "now",
    hint: retryHint,
    source:
      "containers/storage errors.go, ErrLayerUnknown and ErrImageUnknown; Podman 4.3: `checking if cached image exists …: layer not known`",
  },
  {
    answers: { text: /unknown parent image ID sha256:|failed to get digest sha256:/ },
    code: "ENGINE_FAILED",
    kind: "system",
    retry: "now",
    hint: retryHint,
    source: "moby image/store.go and image/fs.go, met by the classic builder",
  },
];

/**
 * What Podman says of a container that its database has and its storage has not: a remnant. Removing an image by force
 * takes the storage of containers that are made of it in the same moment, even of those that run. It is listed, as running
 * perhaps, and can be removed by force.
 */
export const REMNANT_FAILURES: readonly FailureRow<"ENGINE_FAILED", unknown>[] = [
  {
    answers: { text: /\bcontainer not known\b/ },
    code: "ENGINE_FAILED",
    kind: "system",
    retry: "never",
    source:
      "containers/storage errors.go, ErrContainerUnknown; Podman 4.3, GET /containers/ID/json: `getting container from store …: container not known`",
  },
];

function retryHint(): string {
  return "Run again: an image was removed from the engine during the operation.";
}
