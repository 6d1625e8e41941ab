/** Users' own programs read and write the server's objects: stock clients with keys of `boxkite credentials`. */
import assert from "node:assert/strict";
import { stat } from "node:fs/promises";
import { join } from "node:path";
import { before, test, type TestContext } from "node:test";
import { processSubject, usePython, type Subject } from "../helpers/process-subject.ts";
import { s3Python } from "../helpers/s3-python.ts";
import { BOXKITE, temporaryDirectory } from "../helpers/server.ts";
import { runProgram, stockPython, succeeded, writeProgram } from "../helpers/stock-sdk.ts";

before(() => usePython(stockPython()));

const FLOW = `
import flyte
from flyte.io import Dir, File
env = flyte.TaskEnvironment(name="e")

@env.task
async def makes(x: int) -> tuple[File, Dir]:
    file = File.new_remote()
    async with file.open("wb") as handle:
        await handle.write(b"made by a run")
    import pathlib, tempfile
    place = pathlib.Path(tempfile.mkdtemp())
    (place / "deep").mkdir()
    (place / "one.txt").write_text("one")
    (place / "deep" / "two.txt").write_text("two")
    return file, await Dir.from_local(str(place))

@env.task
async def reads(file: File) -> str:
    async with file.open("rb") as handle:
        return bytes(await handle.read()).decode().upper()
`;

async function boxkite(t: TestContext, ...args: string[]) {
  return runProgram(process.execPath, [BOXKITE, ...args], { cwd: await temporaryDirectory(t) });
}

/** The variables of a shell after eval "$(boxkite credentials …)". */
async function variables(
  t: TestContext,
  subject: Subject,
  ...args: string[]
): Promise<Record<string, string>> {
  const { data, url } = subject.server.ready;
  const endpoint = url.replace("localhost", "127.0.0.1");
  const printed = await boxkite(t, "credentials", "--data", data, "--endpoint", endpoint, ...args);
  const lines = succeeded(printed).stdout.trim().split("\n");
  return Object.fromEntries(
    lines.map((line) => {
      const [, name, value] = /^export (\w+)='([^']*)'$/u.exec(line) ?? [];
      assert.ok(name !== undefined && value !== undefined, line);
      return [name, value];
    }),
  );
}

async function python(
  interpreter: string,
  subject: Subject,
  env: Record<string, string>,
  text: string,
): Promise<unknown> {
  await writeProgram(subject.directory, { "client.py": text });
  const command = ["client.py", subject.server.config];
  const result = succeeded(await runProgram(interpreter, command, { cwd: subject.directory, env }));
  return JSON.parse(result.stdout.trim().split("\n").at(-1) ?? "");
}

test("a file and a directory of a run are readable on a user's machine, and a user's file in a run", async (t) => {
  const subject = await processSubject(t, FLOW, ["--data", await temporaryDirectory(t)]);
  await subject.run("makes", { x: 1 }, { name: "made" });
  const env = await variables(t, subject);
  const told = await python(
    stockPython(),
    subject,
    env,
    `
import json, pathlib, sys, flyte, flow
from flyte.io import File
from flyte.remote import Run
flyte.init_from_config(sys.argv[1])
file, folder = Run.get("made").outputs()
path = file.download_sync("copy.txt")
folder.download_sync("copies")
pathlib.Path("mine.txt").write_text("from my laptop")
uploaded = File.from_local_sync("mine.txt", "s3://boxkite/flytesnacks/development/mine/mine.txt")
runs = [flyte.run(flow.reads, file=uploaded), flyte.run(flow.reads, file=File.from_local_sync("mine.txt"))]
for run in runs:
    run.wait(quiet=True)
print(json.dumps({
    "file": pathlib.Path(path).read_text(),
    "folder": sorted((path.relative_to("copies").as_posix().split("/")[-1], path.read_text()) for path in pathlib.Path("copies").rglob("*.txt")),
    "read": [run.outputs()[0] for run in runs],
}))
`,
  );
  assert.deepEqual(told, {
    file: "made by a run",
    folder: [
      ["one.txt", "one"],
      ["two.txt", "two"],
    ],
    read: ["FROM MY LAPTOP", "FROM MY LAPTOP"],
  });
});

test("boto3 with keys of one domain; other prefixes, a changed secret and an invented key are refused", async (t) => {
  const subject = await processSubject(t, FLOW, ["--data", await temporaryDirectory(t)]);
  await subject.run("makes", { x: 1 }, { name: "made" });
  const env = await variables(
    t,
    subject,
    "--format",
    "aws",
    "--project",
    "flytesnacks",
    "--domain",
    "development",
  );
  const told = await python(
    s3Python(),
    subject,
    env,
    `
import json, os, urllib.request, boto3, botocore.exceptions

def refused(ask, **changed):
    try:
        session = boto3.session.Session(**changed)
        ask(session.client("s3"))
    except botocore.exceptions.ClientError as error:
        return error.response["Error"]["Code"]
    return "allowed"

def put(key):
    return lambda s3: s3.put_object(Bucket="boxkite", Key=key, Body=b"x")

s3 = boto3.client("s3")
keys = [item["Key"] for item in s3.list_objects_v2(Bucket="boxkite", Prefix="flytesnacks/development/runs/made/")["Contents"]]
s3.put_object(Bucket="boxkite", Key="flytesnacks/development/mine/x", Body=b"mine")
key = dict(aws_access_key_id=os.environ["AWS_ACCESS_KEY_ID"], aws_secret_access_key="no" + os.environ["AWS_SECRET_ACCESS_KEY"])
stranger = dict(key, aws_access_key_id="somebody")
# The key of everything, with the secret of a part.
everything = "-".join(os.environ["AWS_ACCESS_KEY_ID"].split("-")[:2]) + "-"
wider = dict(aws_access_key_id=everything, aws_secret_access_key=os.environ["AWS_SECRET_ACCESS_KEY"])
url = s3.generate_presigned_url("get_object", Params={"Bucket": "boxkite", "Key": "flytesnacks/development/mine/x"})
print(json.dumps({
    "buckets": [bucket["Name"] for bucket in s3.list_buckets()["Buckets"]],
    "by_url": urllib.request.urlopen(url).read().decode(),
    "outputs": any(key.endswith("/outputs.pb") for key in keys),
    "mine": s3.get_object(Bucket="boxkite", Key="flytesnacks/development/mine/x")["Body"].read().decode(),
    "other_domain": refused(put("flytesnacks/staging/x")),
    "whole_bucket": refused(lambda s3: s3.list_objects_v2(Bucket="boxkite")),
    "wrong_secret": refused(put("flytesnacks/development/x"), **key),
    "stranger": refused(put("flytesnacks/development/x"), **stranger),
    "wider": refused(put("flytesnacks/staging/x"), **wider),
}))
`,
  );
  assert.deepEqual(told, {
    buckets: ["boxkite"],
    by_url: "mine",
    outputs: true,
    mine: "mine",
    other_domain: "AccessDenied",
    whole_bucket: "AccessDenied",
    wrong_secret: "SignatureDoesNotMatch",
    stranger: "InvalidAccessKeyId",
    wider: "SignatureDoesNotMatch",
  });
});

test("the command needs the server's directory, which other users cannot read, and refuses invalid options", async (t) => {
  const place = join(await temporaryDirectory(t), "data");
  const subject = await processSubject(t, FLOW, ["--data", place]);
  assert.equal((await stat(place)).mode & 0o077, 0);
  const json = await boxkite(
    t,
    "credentials",
    "--data",
    place,
    "--project",
    "flytesnacks",
    "--format",
    "json",
  );
  const { endpoint, bucket, prefix, accessKeyId, secretAccessKey } = JSON.parse(json.stdout) as Record<
    string,
    string
  >;
  assert.deepEqual([endpoint, bucket, prefix], ["http://127.0.0.1:30080", "boxkite", "flytesnacks/"]);
  assert.ok(accessKeyId && secretAccessKey);
  await subject.server.kill("SIGTERM");
  assert.equal(
    (await boxkite(t, "credentials", "--data", place, "--project", "flytesnacks", "--format", "json")).stdout,
    json.stdout,
  );
  const cases: readonly (readonly [string[], RegExp])[] = [
    [["--data", await temporaryDirectory(t)], /is no data directory of a server/u],
    [["--data", place, "--format", "xml"], /use one of: env, aws, json/u],
    [["--data", place, "--domain", "development"], /--domain is set and --project is not/u],
    [["--data", place, "--project", "p", "--domain", "d"], /there is no domain "d"/u],
    [["--data", place, "--endpoint", "localhost:1"], /no http URL/u],
  ];
  for (const [args, words] of cases) {
    const refused = await boxkite(t, "credentials", ...args);
    assert.match(refused.stderr, words);
    assert.equal(refused.code, 2);
  }
});
