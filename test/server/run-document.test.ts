/** What a server says of runs and actions to programs, and what `boxkite get` prints of it. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { SCOPE } from "../../bench/helpers/requests.ts";
import { readRunDocument } from "../../src/client/run-document.ts";
import { imageFacts } from "../helpers/image-facts.ts";
import { recordedRuns } from "../helpers/recorded-runs.ts";

const DIGEST = `sha256:${"1".repeat(64)}`;
const BUNDLE = "s3://boxkite/flytesnacks/development/uploads/abc/code.tgz";

test("a run's document has its state, its attempts with their provenance, its images, and no value of a variable", async (t) => {
  const { url, start, pin, run } = await recordedRuns(t);
  await pin("team/base:1", DIGEST, imageFacts());
  await run("red", {
    inputs: { x: 3 },
    env: { PASSWORD: "hunter2" },
    labels: { team: "data" },
    bundle: BUNDLE,
    child: "flow.leaf",
    fails: "x is too small",
  });
  const connection = { baseUrl: url };
  const document = await readRunDocument(connection, { ...SCOPE, run: "red" });
  assert.equal(document.version, 1);
  assert.equal(document.run.status, "failed");
  assert.deepEqual(document.run.settings.labels, { team: "data" });
  const { action } = document;
  assert.deepEqual([action.name, action.task?.name, action.task?.image], ["a0", "flow.main", "team/base:1"]);
  const [input, ...others] = action.inputs.values;
  assert.deepEqual([input?.name, input?.text, others.length], ["x", "3", 0]);
  assert.ok(!JSON.stringify(document).includes("hunter2"));
  assert.ok(
    action.environment.some(({ name, fingerprint }) => name === "PASSWORD" && fingerprint.length === 12),
  );
  const [attempt] = action.attempts;
  const { image, code, ...provenance } = attempt?.provenance ?? {};
  assert.deepEqual(provenance, start);
  assert.equal(image?.digest, DIGEST);
  assert.deepEqual(code, { bundles: [BUNDLE] });
  const [contents] = document.images.map((each) => each.contents);
  assert.deepEqual(contents?.python?.packages, { flyte: "2.12.1", pip: "23.2.1" });
  assert.deepEqual(
    document.tasks.map(({ task, actions, failed, first }) => [task, actions, failed, first]),
    [
      ["flow.main", 1, 1, "a0"],
      ["flow.leaf", 1, 1, "c1"],
    ],
  );
  assert.deepEqual(document.failure?.path, ["a0", "c1"]);
  assert.match(document.failure?.action.error?.message ?? "", /x is too small/u);

  const child = await readRunDocument(connection, { ...SCOPE, run: "red" }, "c1");
  assert.deepEqual([child.action.name, child.action.parent, child.tasks.length], ["c1", "a0", 0]);
  assert.equal(child.images[0]?.digest, DIGEST);
  await assert.rejects(readRunDocument(connection, { ...SCOPE, run: "red" }, "none"), {
    code: "ACTION_NOT_FOUND",
  });
  await assert.rejects(readRunDocument(connection, { ...SCOPE, run: "none" }), { code: "RUN_NOT_FOUND" });
  const [closed] = await Promise.allSettled([
    readRunDocument({ baseUrl: "http://127.0.0.1:1" }, { ...SCOPE, run: "red" }),
  ]);
  assert.equal(
    closed.status === "rejected" && (closed.reason as { code: string }).code,
    "SERVER_UNREACHABLE",
  );
});

test("boxkite get prints a run or an action, by its name or the address of its page", async (t) => {
  const { url, pin, run, boxkite } = await recordedRuns(t);
  await pin("team/base:1", DIGEST, imageFacts());
  await run("red", {
    inputs: { x: 3 },
    bundle: BUNDLE,
    child: "flow.leaf",
    fails: "x is too\u001b[31m small",
  });
  const { code, stdout } = await boxkite("get", "red");
  assert.equal(code, 0);
  for (const line of [
    /^run +red$/mu,
    /^status +failed$/mu,
    /^ {2}x = 3$/mu,
    /^failed at a0 › c1 \(flow\.leaf\)$/mu,
    /^error .*ValueError\n {2}x is too\[31m small$/mu,
    /^attempt 1 {2}failed/mu,
    /^ {2}digest +sha256:1{64}$/mu,
    /^ {2}code +s3:\/\/.*code\.tgz$/mu,
    /^ {2}engine +podman 4\.3\.1$/mu,
    /^ {2}adapted +a0 is started with/mu,
    /^TASK +ACTIONS +FAILED/mu,
  ])
    assert.match(stdout, line);
  const page = `${url}/v2/domain/development/project/flytesnacks/runs/red?i=c1`;
  const byAddress = await boxkite("get", page, "--json");
  const document = JSON.parse(byAddress.stdout) as { action: { name: string } };
  assert.equal(document.action.name, "c1");
  assert.match((await boxkite("get", "red/c1")).stdout, /^action +c1 \(task\)$/mu);
  const missing = await boxkite("get", "none");
  assert.deepEqual([missing.code, /RUN_NOT_FOUND/u.test(missing.stderr)], [1, true]);
  assert.equal((await boxkite("get", "a/b/c")).code, 2);
});
