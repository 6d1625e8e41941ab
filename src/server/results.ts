/** What the orchestrator reads of the results that tasks wrote. */
import { BoxkiteError } from "../domain/errors.ts";
import type { RunKey } from "../domain/ids.ts";
import { outputsUri } from "../domain/outputs.ts";
import type { Logger } from "../lib/log.ts";
import type { Redactor } from "../lib/redact.ts";
import type { ObjectStore } from "../objects/object-store.ts";
import type { ObjectRights } from "../orchestrator/object-rights.ts";
import type { OrchestratorOptions } from "../orchestrator/orchestrator.ts";
import type { Authorise } from "../services/access.ts";
import { keyOfUri } from "../services/object-keys.ts";
import type { StoreReader } from "../store/reader.ts";
import { objectUrisInOutputs } from "../wire/literals.ts";
import { readWritten } from "../wire/written.ts";

export interface ResultsOptions {
  readonly store: StoreReader;
  readonly authorise: Authorise;
  readonly objects: ObjectStore;
  readonly rights: ObjectRights;
  readonly bucket: string;
  readonly log: Logger;
}

export function createResults({
  store,
  authorise,
  objects,
  rights,
  bucket,
  log,
}: ResultsOptions): Pick<OrchestratorOptions, "urisInOutputs" | "readWritten"> {
  const keyOf = (uri: string) => keyOfUri(uri, bucket);
  /** Within one project and domain always; else where the caller of the run that is to get it may read its source. */
  const mayReuse = async (source: RunKey, reader: RunKey): Promise<boolean> => {
    if (source.project === reader.project && source.domain === reader.domain) return true;
    const run = await store.getRun(reader);
    if (run === undefined) return false;
    try {
      await authorise({ ...run.createdBy, identity: run.authority }, "read", { kind: "run", key: source });
      return true;
    } catch (error) {
      if (error instanceof BoxkiteError && error.kind === "user") return false;
      throw error;
    }
  };
  return {
    urisInOutputs: async ({ outputUri, source }, reader) => {
      if (!(await mayReuse(source, reader))) return undefined;
      // A sleep has none.
      if (outputUri === "") return [];
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
