import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { runPython, s3Python } from "../helpers/s3-python.ts";
import { filesOf, startS3Server } from "../helpers/s3-server.ts";
import { putMany } from "../helpers/s3-many.ts";

const python = s3Python();
const program = join(import.meta.dirname, "obstore_client.py");

for (const name of ["objects", "ranges", "conditions", "denied"]) {
  test(`obstore: ${name}`, async (t) => {
    await runPython(await startS3Server(t), python, program, name);
  });
}

test("obstore: 12 MiB in parts, copied and renamed", async (t) => {
  const server = await startS3Server(t);
  await runPython(server, python, program, "multipart");
  assert.deepEqual(await server.store.listUploads(""), []);
  // Two uploads in three parts each, and the copy.
  assert.equal((await filesOf(server)).length, 2 * 4 + 1);
});

test("obstore: 10,000 keys, with and without folders", async (t) => {
  const server = await startS3Server(t);
  await putMany(server);
  await runPython(server, python, program, "listing");
});
