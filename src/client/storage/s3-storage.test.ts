import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";
import { ACCESS_KEY, BUCKET, SECRET_KEY, startS3Server } from "../../../test/helpers/s3-server.ts";
import { systemClock } from "../../lib/clock.ts";
import { openStorage } from "./storage.ts";

test("keys of all kinds are written, read and listed", async (t) => {
  const server = await startS3Server(t);
  const storage = openStorage({
    FLYTE_AWS_ENDPOINT: server.origin,
    FLYTE_AWS_ACCESS_KEY_ID: ACCESS_KEY,
    FLYTE_AWS_SECRET_ACCESS_KEY: SECRET_KEY,
  });
  const uris = ["plain", "a/../b", "a b+c%41", "é😀&<>\"'", "c\r\n\u0001", "d//e", "(f)*!"].map(
    (key) => `s3://${BUCKET}/odd/${key}`,
  );
  for (const uri of uris) await storage.write(uri, Buffer.from(uri));
  for (const uri of uris) assert.equal(Buffer.from(await storage.read(uri)).toString(), uri);
  assert.deepEqual((await storage.list(`s3://${BUCKET}/odd/`)).toSorted(), uris.toSorted());
  await assert.rejects(storage.read(`s3://${BUCKET}/none`), { name: "BlobNotFoundError" });
  await assert.rejects(storage.write(`s3://${BUCKET}/denied/a`, Buffer.from("x")), /HTTP 403 AccessDenied/u);
});

test("an answer whose connection is lost is asked for again, some times", async (t) => {
  let cuts = 2;
  const server = createServer((request, response) => {
    const known = request.url?.startsWith(`/${BUCKET}/a`) === true;
    response.writeHead(known ? 200 : 404, { "content-length": known ? 8 : 0 });
    if (!known) response.end();
    else if (cuts-- > 0) response.write("half", () => response.destroy());
    else response.end("complete");
  });
  await once(server.listen(0, "127.0.0.1"), "listening");
  t.after(() => server.close());
  const waits: number[] = [];
  const storage = openStorage(
    {
      FLYTE_AWS_ENDPOINT: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
      FLYTE_AWS_ACCESS_KEY_ID: ACCESS_KEY,
      FLYTE_AWS_SECRET_ACCESS_KEY: SECRET_KEY,
    },
    { ...systemClock, sleep: async (ms) => void waits.push(ms) },
  );
  assert.equal(Buffer.from(await storage.read(`s3://${BUCKET}/a`)).toString(), "complete");
  assert.deepEqual(waits, [200, 400]);
  const folder = await mkdtemp(join(tmpdir(), "boxkite-download-"));
  t.after(() => rm(folder, { recursive: true, force: true }));
  cuts = 1;
  await storage.download(`s3://${BUCKET}/a`, join(folder, "file"));
  assert.equal(await readFile(join(folder, "file"), "utf8"), "complete");
  await assert.rejects(storage.download(`s3://${BUCKET}/a`, join(folder, "no/file")), { code: "ENOENT" });
  cuts = 100;
  await assert.rejects(storage.read(`s3://${BUCKET}/a`), /^Error: GET s3:\/\/boxkite\/a: /);
  assert.equal(waits.length, 3 + 4);
  await assert.rejects(storage.read(`s3://${BUCKET}/none`), { name: "BlobNotFoundError" });
});

test("what reads XML is loaded only where XML is read", async (t) => {
  const server = await startS3Server(t);
  const script = `
    import { registerHooks } from "node:module";
    registerHooks({
      resolve: (specifier, context, next) => {
        if (specifier === "fast-xml-parser") console.log(specifier);
        return next(specifier, context);
      },
    });
    const { openStorage } = await import(process.argv[1]);
    const storage = openStorage(process.env);
    await storage.write("s3://${BUCKET}/a", Buffer.from("x"));
    await storage.read("s3://${BUCKET}/a");
    console.log("list");
    await storage.list("s3://${BUCKET}/");
  `;
  const { stdout } = await promisify(execFile)(
    process.execPath,
    ["--input-type=module", "-e", script, join(import.meta.dirname, "storage.ts")],
    {
      env: {
        FLYTE_AWS_ENDPOINT: server.origin,
        FLYTE_AWS_ACCESS_KEY_ID: ACCESS_KEY,
        FLYTE_AWS_SECRET_ACCESS_KEY: SECRET_KEY,
      },
    },
  );
  assert.equal(stdout, "list\nfast-xml-parser\n");
});
