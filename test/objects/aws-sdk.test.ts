import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { Readable } from "node:stream";
import { test, type TestContext } from "node:test";
import {
  ChecksumAlgorithm,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  DeleteObjectsCommand,
  GetObjectCommand,
  HeadObjectCommand,
  PutObjectCommand,
  paginateListObjectsV2,
  S3Client,
  S3ServiceException,
  UploadPartCommand,
} from "@aws-sdk/client-s3";
import { putMany } from "../helpers/s3-many.ts";
import { ACCESS_KEY, BUCKET, SECRET_KEY, startS3Server, type S3Server } from "../helpers/s3-server.ts";

async function open(
  t: TestContext,
  secretAccessKey = SECRET_KEY,
): Promise<{ server: S3Server; client: S3Client }> {
  const server = await startS3Server(t);
  const client = new S3Client({
    endpoint: server.origin,
    region: "us-east-1",
    forcePathStyle: true,
    maxAttempts: 1,
    credentials: { accessKeyId: ACCESS_KEY, secretAccessKey },
  });
  t.after(() => client.destroy());
  return { server, client };
}

for (const algorithm of Object.values(ChecksumAlgorithm).filter((name) => /^(CRC|SHA1|SHA256)/.test(name))) {
  test(`aws-sdk: an object with ${algorithm}, from memory and from a stream`, async (t) => {
    const { client } = await open(t);
    const content = randomBytes(200_000);
    for (const body of [content, Readable.from([content.subarray(0, 70_000), content.subarray(70_000)])]) {
      const input = {
        Bucket: BUCKET,
        Key: "a b/é",
        ContentLength: content.length,
        Metadata: { colour: "red" },
      };
      await client.send(new PutObjectCommand({ ...input, Body: body, ChecksumAlgorithm: algorithm }));
      const got = await client.send(
        new GetObjectCommand({ Bucket: BUCKET, Key: "a b/é", ChecksumMode: "ENABLED" }),
      );
      assert.deepEqual(Buffer.from((await got.Body?.transformToByteArray()) ?? []), content);
      assert.deepEqual([got.Metadata, got.ContentEncoding], [{ colour: "red" }, undefined]);
      assert.ok(got[`Checksum${algorithm}` as "ChecksumCRC32"], algorithm);
    }
  });
}

test("aws-sdk: a whole checksum over parts", async (t) => {
  const { client } = await open(t);
  const pieces = [randomBytes(5 << 20), randomBytes(5 << 20), randomBytes(12_345)];
  for (const algorithm of ["CRC32", "CRC32C", "CRC64NVME"] as const) {
    const field = `Checksum${algorithm}` as "ChecksumCRC32";
    const object = { Bucket: BUCKET, Key: "big" };
    const put = new PutObjectCommand({
      ...object,
      Body: Buffer.concat(pieces),
      ChecksumAlgorithm: algorithm,
    });
    const whole = (await client.send(put))[field];
    const begun = await client.send(
      new CreateMultipartUploadCommand({
        ...object,
        ChecksumAlgorithm: algorithm,
        ChecksumType: "FULL_OBJECT",
      }),
    );
    const upload = { ...object, UploadId: begun.UploadId };
    const parts = [];
    for (const [index, Body] of pieces.entries()) {
      const input = { ...upload, PartNumber: index + 1, Body, ChecksumAlgorithm: algorithm };
      const { ETag, [field]: checksum } = await client.send(new UploadPartCommand(input));
      parts.push({ PartNumber: index + 1, ETag, [field]: checksum });
    }
    const wrong = { ...upload, MultipartUpload: { Parts: parts }, [field]: parts[0]?.[field] };
    await assert.rejects(client.send(new CompleteMultipartUploadCommand(wrong)), { name: "BadDigest" });
    await client.send(new CompleteMultipartUploadCommand({ ...wrong, [field]: whole }));
    const head = await client.send(new HeadObjectCommand({ ...object, ChecksumMode: "ENABLED" }));
    assert.deepEqual(
      [head[field], head.ChecksumType, head.ETag?.endsWith('-3"')],
      [whole, "FULL_OBJECT", true],
    );
  }
});

test("aws-sdk: keys in pages, and a thousand deleted at once", async (t) => {
  const { server, client } = await open(t);
  await putMany(server, 3);
  const keys: (string | undefined)[] = [];
  for await (const page of paginateListObjectsV2({ client }, { Bucket: BUCKET, Prefix: "many/" })) {
    keys.push(...(page.Contents ?? []).map(({ Key }) => Key));
  }
  assert.equal(keys.length, 3000);
  const prefixes: (string | undefined)[] = [];
  const input = { Bucket: BUCKET, Prefix: "many/", Delimiter: "/" };
  for await (const page of paginateListObjectsV2({ client, pageSize: 2 }, input)) {
    prefixes.push(...(page.CommonPrefixes ?? []).map(({ Prefix }) => Prefix));
  }
  assert.deepEqual(
    prefixes,
    Array.from({ length: 3 }, (_, folder) => `many/${folder}/`),
  );
  const Objects = keys.slice(0, 1000).map((Key) => ({ Key }));
  const deleted = await client.send(new DeleteObjectsCommand({ Bucket: BUCKET, Delete: { Objects } }));
  assert.equal(deleted.Deleted?.length, 1000);
});

test("aws-sdk: errors have the names that S3 gives them", async (t) => {
  const { client } = await open(t);
  const named = (name: string) => (error: unknown) =>
    error instanceof S3ServiceException && error.name === name;
  const object = { Bucket: BUCKET, Key: "none" };
  await assert.rejects(client.send(new GetObjectCommand(object)), named("NoSuchKey"));
  await assert.rejects(client.send(new HeadObjectCommand(object)), named("NotFound"));
  await assert.rejects(
    client.send(new GetObjectCommand({ ...object, Key: "denied/a" })),
    named("AccessDenied"),
  );
  const condition = { ...object, Body: "x", IfMatch: '"x"' };
  await assert.rejects(client.send(new PutObjectCommand(condition)), named("NoSuchKey"));
  const { client: stranger } = await open(t, "wrong");
  await assert.rejects(stranger.send(new GetObjectCommand(object)), named("SignatureDoesNotMatch"));
});
