import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { create, toBinary } from "@bufbuild/protobuf";
import { systemClock } from "../lib/clock.ts";
import { silentLogger } from "../lib/log.ts";
import { createRedactor } from "../lib/redact.ts";
import { openDirectoryStore } from "../objects/directory-store.ts";
import type { ObjectRights } from "../orchestrator/object-rights.ts";
import type { StoreReader } from "../store/reader.ts";
import { ErrorDocumentSchema } from "../wire/gen/flyteidl2/core/execution_pb.js";
import { createResults } from "./results.ts";

test("an error document is read, and kept, without the secrets of its attempt", async (t) => {
  const directory = await mkdtemp(join(tmpdir(), "boxkite-results-"));
  t.after(() => rm(directory, { recursive: true }));
  const options = { clock: systemClock, log: silentLogger, secret: "0".repeat(64) };
  const objects = await openDirectoryStore(directory, options);
  const { readWritten } = createResults({
    store: {} as StoreReader,
    authorise: () => {},
    objects,
    rights: {} as ObjectRights,
    bucket: "boxkite",
    log: silentLogger,
  });
  const secret = randomBytes(90).toString("base64url");
  const document = (message: string) =>
    toBinary(ErrorDocumentSchema, create(ErrorDocumentSchema, { error: { code: "Bad", message } }));
  const key = "p/d/runs/r/a0/1/error.pb";
  const read = () => readWritten("s3://boxkite/p/d/runs/r/a0/1", createRedactor([secret]));

  await objects.put(key, document("nothing to hide: ü"));
  const before = await objects.head(key);
  const plain = await read();
  assert.equal(plain.kind === "error" && plain.error.message, "nothing to hide: ü");
  assert.deepEqual(await objects.head(key), before, "it is not written again");

  await objects.put(key, document(`ü: no answer of http://h/t/${secret}/x`));
  const written = await read();
  const stars = "*".repeat(secret.length);
  assert.equal(written.kind === "error" && written.error.message, `ü: no answer of http://h/t/${stars}/x`);
  const kept = Buffer.from((await objects.readAll(key)) ?? []);
  assert.ok(!kept.includes(secret) && kept.includes(stars));
});
