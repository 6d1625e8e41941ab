import { createHash } from "node:crypto";
import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { objectPath } from "../../src/objects/directory/key-path.ts";
import { encodeTrailer } from "../../src/objects/directory/object-file.ts";
import type { S3Server } from "./s3-server.ts";

/**
 * `many/<folder>/<number>`: folders with a thousand objects each. The files are written as the store
 * writes them, but without waiting for the disk ten thousand times.
 */
export async function putMany({ directory, clock }: S3Server, folders = 10): Promise<void> {
  const root = join(directory, "objects");
  for (let folder = 0; folder < folders; folder++) {
    await mkdir(dirname(objectPath(root, `many/${folder}/0`)), { recursive: true });
    const keys = Array.from(
      { length: 1000 },
      (_, number) => `many/${folder}/${String(number).padStart(5, "0")}`,
    );
    await Promise.all(keys.map((key) => writeFile(objectPath(root, key), fileOf(key, clock.time))));
  }
}

function fileOf(key: string, modifiedAt: number): Buffer {
  const content = Buffer.from(key);
  const etag = `"${createHash("md5").update(content).digest("hex")}"`;
  return Buffer.concat([content, encodeTrailer({ key, size: content.length, etag, modifiedAt })]);
}
