/** What is kept of an object or a part beside its content, and what callers see of it. */
import { createHash } from "node:crypto";
import { BoxkiteError } from "../../domain/errors.ts";
import type { Checksum, ObjectAttributes, PartInfo, StoredObject } from "../hosted-store.ts";
import { pickAttributes } from "../object-attributes.ts";
import type { PutOptions } from "../object-store.ts";
import type { Description } from "./object-file.ts";
import type { WrittenContent } from "./written-content.ts";

export interface DescribedContent {
  readonly size: number;
  readonly etag: string;
  readonly modifiedAt: number;
  readonly attributes?: ObjectAttributes;
  readonly checksum: Checksum | undefined;
}

/** `key`: of an object, or the number of a part. */
export function describe(
  key: string,
  { size, etag, modifiedAt, attributes = {}, checksum }: DescribedContent,
): Description {
  return {
    key,
    size,
    etag,
    modifiedAt,
    ...pickAttributes(attributes),
    ...(checksum === undefined ? {} : { checksum }),
  };
}

export function infoOf({
  segments: _segments,
  blocks: _blocks,
  salt: _salt,
  ...info
}: Description): StoredObject {
  return info;
}

export function partOf({ key, size, etag, modifiedAt, checksum }: Description): PartInfo {
  return { number: Number(key), size, etag, modifiedAt, ...(checksum === undefined ? {} : { checksum }) };
}

export function etagOf({ md5 }: WrittenContent): string {
  return `"${md5.toString("hex")}"`;
}

/** As S3: the MD5 of the parts' MD5s, and their count. */
export function etagOfParts(parts: readonly PartInfo[]): string {
  const hash = createHash("md5");
  for (const { etag } of parts) hash.update(Buffer.from(etag.slice(1, -1), "hex"));
  return `"${hash.digest("hex")}-${parts.length}"`;
}

/** Throws INVALID_ARGUMENT for content with another MD5 than `options` says. */
export function checkMd5(key: string, { md5 }: WrittenContent, options: PutOptions): void {
  if (options.md5 === undefined || md5.equals(options.md5)) return;
  const wanted = Buffer.from(options.md5).toString("hex");
  throw new BoxkiteError(
    "INVALID_ARGUMENT",
    `${key}: the content's MD5 is ${md5.toString("hex")}, not ${wanted}`,
    {
      hint: "the content was damaged in transit, or changed meanwhile: send it again",
    },
  );
}
