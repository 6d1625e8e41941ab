/** What `boxkite diff` and `boxkite why` say of runs whose images, code, inputs and settings differ. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Comparison } from "../../src/domain/comparison/compare.ts";
import { CONTAINER, imageFacts, PYTHON } from "../helpers/image-facts.ts";
import { recordedRuns } from "../helpers/recorded-runs.ts";

const OLD = `sha256:${"1".repeat(64)}`;
const NEW = `sha256:${"2".repeat(64)}`;
const MOVED = imageFacts({
  ...CONTAINER,
  pythons: [{ ...PYTHON, version: "3.12.1", packages: { flyte: "2.12.1", pip: "24.0", numpy: "2.0.0" } }],
});

test("boxkite diff: a tag that moved, other code, another input, another variable, another setting", async (t) => {
  const { pin, run, boxkite } = await recordedRuns(t);
  await pin("team/base:1", OLD, imageFacts());
  const same = { child: "flow.leaf", labels: { team: "data" } };
  await run("green", {
    ...same,
    inputs: { x: 3, z: 1 },
    env: { PASSWORD: "hunter1" },
    bundle: "s3://boxkite/flytesnacks/development/uploads/one/code.tgz",
  });
  await pin("team/base:1", NEW, MOVED);
  await run("red", {
    ...same,
    inputs: { x: 5, z: 1 },
    env: { PASSWORD: "hunter2", MORE: "1" },
    bundle: "s3://boxkite/flytesnacks/development/uploads/two/code.tgz",
    cpu: "2",
    fails: "x is too large",
  });
  const { code, stdout } = await boxkite("diff", "green", "red");
  assert.equal(code, 0, stdout);
  for (const line of [
    /^status +succeeded +failed$/mu,
    /^ {2}team\/base:1$/mu,
    /^ {4}digest +sha256:1{12} +→ +sha256:2{12}$/mu,
    /^ {4}python +3\.11\.7 +→ +3\.12\.1$/mu,
    /^ {4}layers +1 the same, 0 removed, 0 added/mu,
    /^ {4}packages +2 differ\n {6}numpy +- +→ +2\.0\.0\n {6}pip +23\.2\.1 +→ +24\.0$/mu,
    /^ {2}bundle +…\/one\/code\.tgz +→ +…\/two\/code\.tgz$/mu,
    /^inputs\n {2}x +3 +→ +5$/mu,
    /^environment\n {2}MORE +added\n {2}PASSWORD +changed$/mu,
    /^settings\n {2}CPU request +- +→ +2$/mu,
    /^ {2}flow\.leaf +1 → 1 +0 → 1 /mu,
    /^the same: runtime$/mu,
  ])
    assert.match(stdout, line);
  // No value of a variable, and no colours.
  assert.doesNotMatch(stdout, /hunter/u);
  assert.ok(!stdout.includes("\u001b"));

  const json = JSON.parse((await boxkite("diff", "green/c1", "red/c1", "--json")).stdout) as Comparison;
  assert.deepEqual([json.before.action, json.after.action, json.tasks], ["c1", "c1", []]);
  assert.deepEqual(
    json.images[0]?.changes.map(({ name }) => name),
    ["digest", "python"],
  );

  const nothing = await boxkite("diff", "red", "red");
  assert.match(nothing.stdout, /^the same: images, code, runtime, inputs, environment, settings$/mu);
  assert.equal((await boxkite("diff", "red")).code, 2);
});

test("an image that nobody has read is said to be unknown", async (t) => {
  const { pin, run, boxkite } = await recordedRuns(t);
  await pin("team/base:1", OLD, imageFacts());
  await run("green");
  await pin("team/base:1", NEW);
  await run("later");
  const { stdout } = await boxkite("diff", "green", "later");
  assert.match(stdout, /^not known: what is in team\/base:1@sha256:2{64}; boxkite images check/mu);
  assert.doesNotMatch(stdout, /packages|layers/u);
});

test("boxkite why: the failed action with its error, and what is different since the newest green run before it", async (t) => {
  const { url, pin, run, boxkite } = await recordedRuns(t);
  await pin("team/base:1", OLD, imageFacts());
  const same = { child: "flow.leaf", inputs: { x: 3 } };
  await run("older", { ...same, inputs: { x: 1 } });
  await run("green", same);
  await run("other", { task: "flow.other" });
  await run("red-before", { ...same, fails: "no" });
  await pin("team/base:1", NEW, MOVED);
  await run("red", { ...same, fails: "x is too large" });
  await run("green-after", same);
  const { code, stdout } = await boxkite("why", "red");
  assert.equal(code, 0, stdout);
  const page = `${url.replace("127.0.0.1", "localhost")}/v2/domain/development/project/flytesnacks/runs/red?i=c1`;
  assert.ok(stdout.startsWith(`run red failed\nfailed at a0 › c1 (flow.leaf)\n${page}\n\nerror `), stdout);
  for (const line of [
    /^error .*ValueError\n {2}x is too large$/mu,
    /^flow\.main succeeded last in run green, \d{4}-.* UTC; different since:$/mu,
    /^ {6}python +3\.11\.7 +→ +3\.12\.1$/mu,
    /^ {2}the same: code, runtime, inputs, environment, settings$/mu,
    /^the failed action, c1, compared with green\/c1:$/mu,
  ])
    assert.match(stdout, line);
  const { comparison, path } = JSON.parse((await boxkite("why", "red", "--json")).stdout) as {
    comparison: Comparison;
    path: string[];
  };
  assert.deepEqual([comparison.before.run, comparison.after.run, path], ["green", "red", ["a0", "c1"]]);
});

test("boxkite why where nothing differs, and where no run succeeded before", async (t) => {
  const { pin, run, boxkite } = await recordedRuns(t);
  await pin("team/base:1", OLD, imageFacts());
  await run("first", { fails: "no" });
  const first = await boxkite("why", "first");
  assert.deepEqual([first.code, first.stderr], [3, ""]);
  assert.match(first.stdout, /^error .*ValueError\n {2}no\n\nno run of flow\.main succeeded before it/mu);
  await run("green");
  await run("red", { fails: "no" });
  assert.match((await boxkite("why", "red")).stdout, /^nothing differs that is recorded: the cause may be/mu);
  const action = await boxkite("why", "red/c1");
  assert.deepEqual([action.code, /try: boxkite why red;/u.test(action.stderr)], [2, true]);
});

test("boxkite get lists runs, and with --image those that use an image", async (t) => {
  const { pin, run, boxkite } = await recordedRuns(t);
  await pin("team/base:1", OLD);
  await run("one");
  await pin("team/base:1", NEW);
  await run("two", { fails: "no" });
  await run("three", { image: "team/other:1" });
  const names = async (...args: string[]) =>
    (await boxkite("get", "--json", ...args)).stdout
      .trim()
      .split("\n")
      .filter((line) => line !== "")
      .map((line) => (JSON.parse(line) as { run: string }).run);
  assert.deepEqual(await names(), ["three", "two", "one"]);
  assert.deepEqual(await names("--limit", "1"), ["three"]);
  assert.deepEqual(await names("--image", "team/base:1"), ["two", "one"]);
  assert.deepEqual(await names("--image", OLD), ["one"]);
  assert.deepEqual(await names("--image", "sha256:222222222222"), ["two"]);
  assert.deepEqual(await names("--image", "nobody/uses:1"), []);
  const { stdout } = await boxkite("get", "--image", NEW);
  assert.match(stdout, /^RUN +STATUS +TASK +STARTED +DURATION\ntwo +failed +flow\.main +\d{4}-.* UTC +\d/u);
  assert.equal((await boxkite("get", "one", "--image", OLD)).code, 2);
});
