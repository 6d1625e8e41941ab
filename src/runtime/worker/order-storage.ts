/** The storage of an attempt whose inputs came with its order (domain/worker-protocol.ts). */
import { joinUri, type Storage } from "../../client/storage/storage.ts";
import { outputsUri, RESULT_FILES, ERROR_FILE, OUTPUTS_FILE, type ResultFile } from "../../domain/outputs.ts";
import type { RuntimeArguments } from "../arguments.ts";

export interface OrderStorageOptions {
  readonly given: Pick<RuntimeArguments, "inputs" | "outputsPath">;
  readonly inputs: Uint8Array;
  /** Keeps a result for the server to store. */
  readonly keep: (name: ResultFile, bytes: Uint8Array) => void;
}

/** Its inputs are those, and its result is kept; all else is in `storage`. */
export function orderStorage(storage: Storage, { given, inputs, keep }: OrderStorageOptions): Storage {
  const uris: Readonly<Record<ResultFile, string>> = {
    [OUTPUTS_FILE]: outputsUri("task", given.outputsPath),
    [ERROR_FILE]: joinUri(given.outputsPath, ERROR_FILE),
  };
  return {
    ...storage,
    read: async (uri) => (uri === given.inputs ? inputs : storage.read(uri)),
    write: async (uri, bytes) => {
      const name = RESULT_FILES.find((result) => uris[result] === uri);
      if (name === undefined) await storage.write(uri, bytes);
      else keep(name, bytes);
    },
  };
}
