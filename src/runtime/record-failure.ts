/** Records why an action failed: in error.pb for the server, and on standard error for the log. */
import type { RuntimeArguments } from "./arguments.ts";
import { encodeErrorDocument } from "./error-document.ts";
import { joinUri, type Storage } from "../client/storage/storage.ts";
import { withoutErrorTrailer } from "../domain/error-trailer.ts";
import { ERROR_FILE } from "../domain/outputs.ts";
import { encodeError } from "../sdk/authoring/error-record.ts";

export async function recordFailure(
  storage: Storage,
  given: RuntimeArguments,
  error: unknown,
): Promise<void> {
  const record = encodeError(error);
  process.stderr.write(`${record.code}: ${withoutErrorTrailer(record.message)}\n`);
  await storage.write(joinUri(given.outputsPath, ERROR_FILE), encodeErrorDocument(record));
}
