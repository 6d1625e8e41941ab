/** Code bundles for tests, also those that the SDKs would not make. */
import { buffer } from "node:stream/consumers";
import { gzipSync } from "node:zlib";
import { type Header, pack } from "tar-stream";

export type BundleItem = Partial<Header> & { readonly name: string; readonly text?: string };

export async function tarOf(items: readonly BundleItem[]): Promise<Buffer> {
  const tar = pack();
  for (const { text = "", ...header } of items) {
    const isFile = header.type === undefined || header.type === "file";
    if (isFile) tar.entry({ mode: 0o644, ...header }, text);
    else tar.entry(header);
  }
  tar.finalize();
  return await buffer(tar);
}

export async function bundleOf(items: readonly BundleItem[]): Promise<Buffer> {
  return gzipSync(await tarOf(items));
}
