/**
 * Where an upload goes. One that names its MD5 and no folder goes where that MD5 says, so that a client that remembers an
 * upload (the SDK does, for a day) still finds it, also after it was uploaded again. The folders that clients name are
 * apart from those, so that nobody can occupy the location of somebody else's content.
 */
import { randomBytes } from "node:crypto";
import { BoxkiteError } from "../domain/errors.ts";
import type { ProjectKey } from "../domain/ids.ts";
import { quoted } from "../domain/text.ts";
import { NAMED_UPLOADS, uploadUri } from "../orchestrator/paths.ts";
import { incomplete } from "../wire/incomplete.ts";
import type { CreateUploadLocationRequest } from "../wire/gen/flyteidl2/dataproxy/dataproxy_service_pb.js";

export interface UploadLocation {
  readonly uri: string;
  /** 16 bytes. */
  readonly md5: Uint8Array | undefined;
}

const MD5_BYTES = 16;

/** Throws INVALID_ARGUMENT. */
export function uploadLocation(
  bucket: string,
  scope: ProjectKey,
  { filename, filenameRoot, contentMd5 }: CreateUploadLocationRequest,
): UploadLocation {
  if (filename === "") throw incomplete("the file to upload");
  requireName(filename, "the file to upload");
  if (filenameRoot !== "") requireName(filenameRoot, "the folder to upload to");
  if (contentMd5.length === 0) {
    const fresh = randomBytes(MD5_BYTES).toString("hex");
    return { uri: uploadUri(bucket, scope, fresh, filename), md5: undefined };
  }
  if (contentMd5.length !== MD5_BYTES) throw incomplete("an MD5 of 16 bytes");
  const folder =
    filenameRoot === "" ? Buffer.from(contentMd5).toString("hex") : `${NAMED_UPLOADS}/${filenameRoot}`;
  return { uri: uploadUri(bucket, scope, folder, filename), md5: contentMd5 };
}

/** One segment of a key: clients and tools resolve `..`, and a slash would lead into another folder. */
function requireName(text: string, what: string): void {
  if (text !== "." && text !== ".." && !/[/\\\p{Cc}]/u.test(text)) return;
  throw new BoxkiteError("INVALID_ARGUMENT", `${what} is called ${quoted(text)}`, {
    hint: "use a name without slashes and control characters, other than . and ..",
  });
}
