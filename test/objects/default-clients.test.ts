/** s3fs and the aws command line, with nothing set but what `boxkite credentials --format aws` prints. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";
import { s3Python } from "../helpers/s3-python.ts";
import { ACCESS_KEY, BUCKET, SECRET_KEY, startS3Server, type S3Server } from "../helpers/s3-server.ts";

const run = promisify(execFile);

function variables({ origin }: S3Server): NodeJS.ProcessEnv {
  return {
    PATH: process.env["PATH"],
    HOME: "/nowhere",
    AWS_ENDPOINT_URL_S3: origin,
    AWS_REGION: "us-east-1",
    AWS_ACCESS_KEY_ID: ACCESS_KEY,
    AWS_SECRET_ACCESS_KEY: SECRET_KEY,
  };
}

const S3FS = `
import s3fs, urllib.request
fs = s3fs.S3FileSystem()
assert fs.ls("") == ["${BUCKET}"], fs.ls("")
assert fs.exists("${BUCKET}") and not fs.exists("another")
fs.pipe("${BUCKET}/a b/é.txt", b"by s3fs")
assert fs.ls("${BUCKET}/a b") == ["${BUCKET}/a b/é.txt"]
for url in (fs.sign("${BUCKET}/a b/é.txt"), fs.url("${BUCKET}/a b/é.txt")):
    assert urllib.request.urlopen(url).read() == b"by s3fs"
for call, message in ((lambda: fs.ls("another"), "does not exist"), (lambda: fs.mkdir("another"), "CreateBucket is not")):
    try:
        call()
    except OSError as error:
        assert message in str(error), error
    else:
        raise AssertionError(message)
`;

test("s3fs lists the bucket, and its URLs work", async (t) => {
  await run(s3Python("s3-fs"), ["-c", S3FS], { env: variables(await startS3Server(t)) });
});

test("aws s3 lists the bucket, and its URLs work", async (t) => {
  const server = await startS3Server(t);
  const command = join(dirname(s3Python("s3-cli")), "aws");
  const aws = (...args: string[]) => run(command, args, { env: variables(server) });
  assert.match((await aws("s3", "ls")).stdout, /^[\d-]+ [\d:]+ boxkite\n$/u);
  await server.store.put("a b/é.txt", Buffer.from("content"));
  assert.match((await aws("s3", "ls", `s3://${BUCKET}/a b/`)).stdout, /7 é\.txt/u);
  const { stdout: url } = await aws("s3", "presign", `s3://${BUCKET}/a b/é.txt`);
  assert.equal(await (await fetch(url.trim())).text(), "content");
  await assert.rejects(aws("s3", "ls", "s3://another"), /NoSuchBucket/u);
  await assert.rejects(aws("s3", "mb", "s3://another"), /CreateBucket is not implemented/u);
});
