/** What the orchestrator reads of the results that tasks wrote. */
import { BoxkiteError } from "../domain/errors.ts";
import { outputsUri } from "../domain/outputs.ts";
import type { Logger } from "../lib/log.ts";
import type { Redactor } from "../lib/redact.ts";
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
  return {
    urisInOutputs: async ({ outputUri, source }) => {
      let outputs: Uint8Array | undefined;
      try {
        outputs = await objects.readAll(keyOf(outputsUri("task", outputUri)));
      } catch (error) {
        if (!(error instanceof BoxkiteError && error.code === "OBJECT_DAMAGED")) throw error;
        log.error("a cached result is damaged, and is computed anew", { error });
        return undefined;
      }
      return outputs === undefined ? [] : rights.readable(source, objectUrisInOutputs(outputs));
    },
    readWritten: (prefix, redactor) =>
      readWritten(
        {
          size: async (uri) => (await objects.head(keyOf(uri)))?.size,
          read: (uri) => readRedacted(objects, keyOf(uri), redactor),
        },
        prefix,
      ),
  };
}

/** The error document of an attempt. Where a secret of it is inside, the object is replaced: people can download it. */
async function readRedacted(
  objects: ObjectStore,
  key: string,
  { redact }: Redactor,
): Promise<Uint8Array | undefined> {
  const bytes = await objects.readAll(key);
  if (bytes === undefined) return undefined;
  const text = Buffer.from(bytes).toString("latin1");
  // Of the same length, since a protobuf message has the length of each text.
  const redacted = redact(text, (part) => "*".repeat(part.length));
  if (redacted === text) return bytes;
  const replaced = Buffer.from(redacted, "latin1");
  await objects.put(key, replaced);
  return replaced;
}
