/**
 * A plain file server of Node: GET streams a file; PUT writes aside, syncs and renames, so that what it
 * answered is as durable as with us. No signatures, no checksums, no metadata.
 */
import { createReadStream, createWriteStream } from "node:fs";
import { mkdtemp, rename, rm, stat } from "node:fs/promises";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";

const directory = await mkdtemp(join(process.argv[2] ?? ".", "files-"));
let temporaries = 0;

async function put(request: IncomingMessage, response: ServerResponse, path: string): Promise<void> {
  const temporary = `${path}.${temporaries++}.tmp`;
  // `flush`: synced before it is closed.
  await pipeline(request, createWriteStream(temporary, { flags: "wx", flush: true }));
  await rename(temporary, path);
  response.end();
}

async function get(response: ServerResponse, path: string): Promise<void> {
  const { size } = await stat(path);
  response.setHeader("content-length", size);
  await pipeline(createReadStream(path), response);
}

const server = createServer((request, response) => {
  const name = (request.url ?? "/").slice(1).split("?")[0] ?? "";
  const path = join(directory, encodeURIComponent(name));
  const work = request.method === "PUT" ? put(request, response, path) : get(response, path);
  work.catch(() => {
    if (!response.headersSent) response.statusCode = 500;
    response.end();
  });
});
server.listen(0, "127.0.0.1", () => {
  process.stdout.write(`${JSON.stringify({ port: (server.address() as AddressInfo).port })}\n`);
});
process.once("SIGTERM", () => {
  void rm(directory, { recursive: true, force: true }).then(() => process.exit(0));
});
