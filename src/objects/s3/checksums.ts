/** The checksums of S3: https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity.html */
import { createHash } from "node:crypto";
import { crc32 } from "node:zlib";
import {
  CHECKSUM_ALGORITHMS,
  type Checksum,
  type ChecksumAlgorithm,
  type ChecksumType,
  type PartInfo,
} from "../hosted-store.ts";
import { combineCrc, createCrc32c, createCrc64Nvme, type Crc } from "./crc.ts";
import { S3Error } from "./s3-error.ts";

/** `x-amz-checksum-crc32` and so on. */
export function checksumHeader(algorithm: ChecksumAlgorithm): string {
  return `x-amz-checksum-${algorithm.toLowerCase()}`;
}

/** `ChecksumCRC32` and so on. */
export function checksumElement(algorithm: ChecksumAlgorithm): string {
  return `Checksum${algorithm}`;
}

export function algorithmOfHeader(name: string): ChecksumAlgorithm | undefined {
  return CHECKSUM_ALGORITHMS.find((algorithm) => checksumHeader(algorithm) === name.toLowerCase());
}

/** Throws InvalidRequest. */
export function parseAlgorithm(name: string): ChecksumAlgorithm {
  const found = CHECKSUM_ALGORITHMS.find((algorithm) => algorithm === name.toUpperCase());
  if (found !== undefined) return found;
  throw new S3Error(
    "InvalidRequest",
    `Checksum algorithm ${name} is not one of ${CHECKSUM_ALGORITHMS.join(", ")}.`,
  );
}

export function createChecksum(algorithm: ChecksumAlgorithm): Crc {
  switch (algorithm) {
    case "CRC32":
      return createCrc32();
    case "CRC32C":
      return createCrc32c();
    case "CRC64NVME":
      return createCrc64Nvme();
    case "SHA1":
    case "SHA256":
      return createSha(algorithm);
  }
}

/** Of an object that is made of these parts. Undefined if a part came without its checksum. */
export function checksumOfParts(
  algorithm: ChecksumAlgorithm,
  type: ChecksumType,
  parts: readonly PartInfo[],
): Checksum | undefined {
  const values: Buffer[] = [];
  for (const { checksum } of parts) {
    if (checksum?.algorithm !== algorithm) return undefined;
    values.push(Buffer.from(checksum.value, "base64"));
  }
  if (type === "COMPOSITE") {
    const whole = createChecksum(algorithm);
    for (const value of values) whole.update(value);
    return { algorithm, type, value: `${whole.digest().toString("base64")}-${parts.length}` };
  }
  if (algorithm === "SHA1" || algorithm === "SHA256") return undefined;
  let [whole] = values;
  if (whole === undefined) return undefined;
  for (const [index, value] of values.entries()) {
    if (index > 0) whole = combineCrc(algorithm, whole, value, parts[index]?.size ?? 0);
  }
  return { algorithm, type, value: whole.toString("base64") };
}

function createCrc32(): Crc {
  let state = 0;
  return {
    update: (data) => {
      state = crc32(data, state);
    },
    digest: () => {
      const value = Buffer.alloc(4);
      value.writeUInt32BE(state);
      return value;
    },
  };
}

function createSha(algorithm: "SHA1" | "SHA256"): Crc {
  const hash = createHash(algorithm);
  return {
    update: (data) => {
      hash.update(data);
    },
    digest: () => hash.digest(),
  };
}
