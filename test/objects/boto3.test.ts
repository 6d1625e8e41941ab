import { join } from "node:path";
import { test } from "node:test";
import { putMany } from "../helpers/s3-many.ts";
import { runPython, s3Python } from "../helpers/s3-python.ts";
import { startS3Server } from "../helpers/s3-server.ts";

const python = s3Python();
const program = join(import.meta.dirname, "boto3_client.py");

for (const name of ["objects", "buckets", "errors", "multipart", "presigned", "defaults", "odd_keys"]) {
  test(`boto3: ${name}`, async (t) => {
    await runPython(await startS3Server(t), python, program, name);
  });
}

test("boto3: 10,000 keys in pages of both versions, with and without folders", async (t) => {
  const server = await startS3Server(t);
  await putMany(server);
  await runPython(server, python, program, "listing");
});
