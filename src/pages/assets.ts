/** The stylesheet and the scripts: plain files beside the source, read once. */
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import type { IncomingMessage, ServerResponse } from "node:http";
import { join } from "node:path";
import { sendText, setCommonHeaders } from "./respond.ts";

const TYPES = {
  "pages.css": "text/css; charset=utf-8",
  "list.js": "text/javascript; charset=utf-8",
  "run.js": "text/javascript; charset=utf-8",
  "stream.js": "text/javascript; charset=utf-8",
  "tree.js": "text/javascript; charset=utf-8",
  "tree-model.js": "text/javascript; charset=utf-8",
  "log-note.js": "text/javascript; charset=utf-8",
  "log.js": "text/javascript; charset=utf-8",
  "sections.js": "text/javascript; charset=utf-8",
  "times.js": "text/javascript; charset=utf-8",
  "time-format.js": "text/javascript; charset=utf-8",
  "inputs-reader.js": "text/javascript; charset=utf-8",
  "inputs.js": "text/javascript; charset=utf-8",
  "duration.js": "text/javascript; charset=utf-8",
  "icon.svg": "image/svg+xml",
} as const;

export type Assets = (request: IncomingMessage, response: ServerResponse, name: string) => void;

export function readAssets(): Assets {
  const files = new Map(
    Object.entries(TYPES).map(([name, type]) => {
      const body = readFileSync(join(import.meta.dirname, "assets", name));
      return [name, { type, body, etag: `"${createHash("sha256").update(body).digest("base64url")}"` }];
    }),
  );
  return (request, response, name) => {
    const file = files.get(name);
    if (file === undefined) return sendText(response, 404, `there is no ${name}\n`);
    // Asked for again each time and hardly ever sent: after an update no page runs yesterday's script.
    setCommonHeaders(response, file.type, "no-cache");
    response.setHeader("etag", file.etag);
    if (request.headers["if-none-match"] === file.etag) {
      response.statusCode = 304;
      response.end();
      return undefined;
    }
    response.setHeader("content-length", file.body.length);
    response.end(file.body);
    return undefined;
  };
}
