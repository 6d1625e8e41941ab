/** File and Dir outside of a task: uploads go through the server, downloads come directly from the storage. */
import { randomBytes } from "node:crypto";
import { readFile } from "node:fs/promises";
import { basename } from "node:path";
import type { BlobStore } from "../authoring/active-context.ts";
import { currentConfig, requireTarget } from "../authoring/config.ts";
import { controlPlaneOf } from "./control-plane.ts";
import { openStorage } from "../../client/storage/storage.ts";
import { uploadFile } from "../../client/upload.ts";

export function clientBlobStore(): BlobStore {
  const storage = openStorage(process.env);
  return {
    read: (uri) => storage.read(uri),
    download: (uri, path) => storage.download(uri, path),
    list: (prefix) => storage.list(prefix),
    putBytes: (name, bytes) => uploadThroughServer(new Uint8Array(bytes), name),
    putFile: async (path) => uploadThroughServer(new Uint8Array(await readFile(path)), basename(path)),
    putFolder: async (path) => {
      throw new Error(
        `${path}: a folder can be uploaded inside a task only; outside, upload its files one by one`,
      );
    },
  };
}

async function uploadThroughServer(content: Uint8Array<ArrayBuffer>, name: string): Promise<string> {
  const config = await currentConfig();
  const { project, domain } = requireTarget(config);
  const controlPlane = await controlPlaneOf(config);
  const filename = `${randomBytes(8).toString("hex")}/${name}`;
  return (await uploadFile(controlPlane, { org: config.org, project, domain }, filename, content)).uri;
}
