import assert from "node:assert/strict";
import { test } from "node:test";
import { SharedArchives } from "./shared-archives.ts";

test("an archive is put once, and for all attempts that wait, also where the first of them is stopped", async () => {
  const worker = Promise.withResolvers<void>();
  const archives = new SharedArchives(worker.promise);
  const puts: { signal: AbortSignal; resolve: () => void; reject: (error: Error) => void }[] = [];
  const put = (signal: AbortSignal) =>
    new Promise<void>((resolve, reject) => void puts.push({ signal, resolve, reject }));
  const first = new AbortController();
  const { signal } = new AbortController();
  const firstPut = archives.put("code", put, first.signal);
  const secondPut = archives.put("code", put, signal);
  first.abort(new Error("stopped"));
  await assert.rejects(firstPut, /stopped/u);
  assert.deepEqual([puts.length, puts[0]?.signal.aborted], [1, false]);
  puts[0]?.resolve();
  await secondPut;
  await archives.put("code", put, signal);
  assert.equal(puts.length, 1);

  const failing = archives.put("other", put, signal);
  puts[1]?.reject(new Error("full"));
  await assert.rejects(failing, /full/u);
  void archives.put("other", put, signal);
  assert.equal(puts.length, 3, "it is tried again");
  worker.resolve();
  await worker.promise;
  assert.equal(puts[2]?.signal.aborted, true, "nothing is put into a worker that has ended");
});
