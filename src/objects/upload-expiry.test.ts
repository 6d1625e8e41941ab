import assert from "node:assert/strict";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { temporaryDirectory } from "../../test/helpers/server.ts";
import { steppedClock } from "../../test/helpers/stepped-clock.ts";
import { until } from "../../test/helpers/until.ts";
import { createLogger } from "../lib/log.ts";
import { openDirectoryStore } from "./directory-store.ts";
import { expireUploads, UPLOAD_LIFETIME_MS } from "./upload-expiry.ts";

const DAY_MS = 24 * 3600 * 1000;

test("uploads that nobody completes are removed after their time, at the start and daily", async (t) => {
  const directory = await temporaryDirectory(t);
  const clock = steppedClock();
  const store = await openDirectoryStore(directory, { clock });
  const begin = async (key: string) => {
    const upload = await store.createUpload({ key, attributes: {} });
    await store.putPart(upload, 1, Buffer.from(key));
  };
  const keys = async () => (await store.listUploads("")).map(({ key }) => key);
  let removal = Promise.withResolvers<void>();
  const log = createLogger({ format: "json", write: () => removal.resolve() });
  const removed = async () => {
    await removal.promise;
    removal = Promise.withResolvers();
  };
  await begin("old");
  await clock.step(UPLOAD_LIFETIME_MS);
  await begin("new");

  const stop = expireUploads({ store, clock, log });
  await removed();
  assert.deepEqual(await keys(), ["new"], "at the start");
  // Each sweep reads the disk: the next day begins when it is done.
  const nextDay = async () => {
    await until(async () => clock.pending === 1);
    await clock.step(DAY_MS);
  };
  for (let day = 1; day < UPLOAD_LIFETIME_MS / DAY_MS; day++) await nextDay();
  assert.deepEqual(await keys(), ["new"], "not before its time");
  await nextDay();
  await removed();
  assert.deepEqual(await keys(), [], "without a restart");
  assert.deepEqual(await readdir(join(directory, "parts")), []);
  await stop();
  assert.equal(clock.pending, 0);
});

test("a sweep that fails is logged, and tried again", async () => {
  const clock = steppedClock();
  const lines: string[] = [];
  const log = createLogger({ format: "json", write: (line) => lines.push(line) });
  let sweeps = 0;
  const listUploads = async () => {
    if (++sweeps === 1) throw new Error("the disk does not answer");
    return [];
  };
  const stop = expireUploads({ store: { listUploads, abortUpload: async () => {} }, clock, log });
  await clock.step(0);
  await clock.step(DAY_MS);
  assert.equal(sweeps, 2);
  assert.match(lines.join(""), /the disk does not answer/u);
  await stop();
});

test("an upload that cannot be removed keeps no other", async () => {
  const clock = steppedClock();
  const lines: string[] = [];
  const log = createLogger({ format: "json", write: (line) => lines.push(line) });
  const uploads = ["first", "second"].map((key) => ({ id: key, key, createdAt: 0, attributes: {} }));
  const removed: string[] = [];
  const abortUpload = async ({ key }: { readonly key: string }) => {
    if (key === "first") throw new Error("the disk does not answer");
    removed.push(key);
  };
  await clock.step(UPLOAD_LIFETIME_MS);
  const stop = expireUploads({ store: { listUploads: async () => uploads, abortUpload }, clock, log });
  await clock.step(0);
  assert.deepEqual(removed, ["second"]);
  assert.match(lines.join(""), /the disk does not answer/u);
  await stop();
});
