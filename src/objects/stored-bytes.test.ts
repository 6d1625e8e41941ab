import assert from "node:assert/strict";
import { test } from "node:test";
import { temporaryDirectory } from "../../test/helpers/server.ts";
import { steppedClock } from "../../test/helpers/stepped-clock.ts";
import { until } from "../../test/helpers/until.ts";
import { createLogger, silentLogger } from "../lib/log.ts";
import { openDirectoryStore } from "./directory-store.ts";
import { COUNT_EVERY_MS, countStoredBytes } from "./stored-bytes.ts";

test("bytes are counted by project, and what is written counts at once", async (t) => {
  const clock = steppedClock();
  const store = await openDirectoryStore(await temporaryDirectory(t), { clock });
  for (let index = 0; index < 3; index++) await store.put(`p/d/${index}`, Buffer.alloc(10));
  await store.put("pp/d/0", Buffer.alloc(7));
  const bytes = countStoredBytes({ store, clock, log: silentLogger });
  const counted = () => until(async () => clock.pending === 1);
  await counted();
  assert.deepEqual([bytes.of("p"), bytes.of("pp"), bytes.of("none")], [30, 7, 0]);
  bytes.written("p/d/3", 5);
  assert.equal(bytes.of("p"), 35);
  // The object was not written in fact, and another is removed.
  await store.delete("p/d/0");
  await clock.step(COUNT_EVERY_MS);
  await counted();
  assert.equal(bytes.of("p"), 20);
  await bytes.stop();
});

test("what is written during a count is kept, also where the count fails", async () => {
  const clock = steppedClock();
  const lines: string[] = [];
  const log = createLogger({ format: "json", write: (line) => lines.push(line) });
  let answer = Promise.withResolvers<[]>();
  const bytes = countStoredBytes({ store: { list: () => answer.promise }, clock, log });
  bytes.written("p/a", 1);
  answer.reject(new Error("the disk does not answer"));
  await until(async () => clock.pending === 1);
  assert.equal(bytes.of("p"), 1);
  assert.match(lines.join(""), /the disk does not answer/u);
  answer = Promise.withResolvers();
  await clock.step(COUNT_EVERY_MS);
  bytes.written("p/b", 2);
  answer.resolve([]);
  await until(async () => clock.pending === 1);
  assert.equal(bytes.of("p"), 2, "of the first the count would have found the object");
  await bytes.stop();
});
