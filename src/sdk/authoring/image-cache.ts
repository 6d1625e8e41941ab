/**
 * Image references by environment name, encoded for the command line of a container: gzipped JSON in base 64,
 * as the Python SDK writes and reads it.
 */
import { gunzipSync, gzipSync } from "node:zlib";

export function encodeImageCache(images: Readonly<Record<string, string>>): string {
  const json = JSON.stringify({ image_lookup: images, build_run_ids: {} });
  return gzipSync(json, { level: 9 }).toString("base64");
}

export function decodeImageCache(text: string): Record<string, string> {
  const parsed = JSON.parse(gunzipSync(Buffer.from(text, "base64")).toString("utf8")) as {
    readonly image_lookup?: Record<string, string>;
  };
  return parsed.image_lookup ?? {};
}
