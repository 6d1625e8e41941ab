/** What the orchestrator reads of the results that tasks wrote. */
import { BoxkiteError } from "../domain/errors.ts";
import { outputsUri } from "../domain/outputs.ts";
import type { Logger } from "../lib/log.ts";
import type { ObjectStore } from "../objects/object-store.ts";
import type { ObjectRights } from "../orchestrator/object-rights.ts";
import type { OrchestratorOptions } from "../orchestrator/orchestrator.ts";
import { keyOfUri } from "../services/object-keys.ts";
import { objectUrisInOutputs } from "../wire/literals.ts";
import { readWritten } from "../wire/written.ts";

export interface ResultsOptions {
  readonly objects: ObjectStore;
  readonly rights: ObjectRights;
  readonly bucket: string;
  readonly log: Logger;
}

export function createResults({
  objects,
  rights,
  bucket,
  log,
}: ResultsOptions): Pick<OrchestratorOptions, "urisInOutputs" | "readWritten"> {
  const keyOf = (uri: string) => keyOfUri(uri, bucket);
  const written = {
    size: async (uri: string) => (await objects.head(keyOf(uri)))?.size,
    read: (uri: string) => objects.readAll(keyOf(uri)),
  };
  return {
    urisInOutputs: async ({ outputUri, source }) => {
      let outputs: Uint8Array | undefined;
      try {
        outputs = await written.read(outputsUri("task", outputUri));
      } catch (error) {
        if (!(error instanceof BoxkiteError && error.code === "OBJECT_DAMAGED")) throw error;
        log.error("a cached result is damaged, and is computed anew", { error });
        return undefined;
      }
      return outputs === undefined ? [] : rights.readable(source, objectUrisInOutputs(outputs));
    },
    readWritten: (prefix) => readWritten(written, prefix),
  };
}
