import assert from "node:assert/strict";
import { test } from "node:test";
import type { ActionEntry, ImageContents, ImageEntry, RunDocument } from "../run-document.ts";
import { changesOf } from "./changes.ts";
import { compareDocuments, isDifferent } from "./compare.ts";

const digest = (digit: string): string => `sha256:${digit.repeat(64)}`;

const CONTENTS: ImageContents = {
  platform: "linux/amd64",
  sizeBytes: 100,
  os: "debian 12",
  layers: [
    { digest: digest("a"), sizeBytes: 60 },
    { digest: digest("b"), sizeBytes: 40 },
  ],
  python: {
    path: "/usr/bin/python3",
    version: "3.11.7",
    packages: { numpy: "1.26.0", pip: "23.0", gone: "1" },
    omittedPackages: 0,
  },
};

function image(reference: string, digit: string, contents?: ImageContents): ImageEntry {
  const pinned = `${reference}@${digest(digit)}`;
  return { reference, pinned, digest: digest(digit), source: "registry", ...(contents && { contents }) };
}

const IMAGE = image("team/base:1", "1", CONTENTS);

const ACTION: ActionEntry = {
  name: "a0",
  displayName: "main",
  kind: "task",
  group: "",
  queue: "",
  phase: "succeeded",
  createdAt: 1_000,
  startedAt: 1_500,
  endedAt: 3_500,
  cacheStatus: "disabled",
  inputUri: "s3://b/inputs.pb",
  inputs: { values: [{ name: "x", text: "3", hash: "h3" }], omitted: 0 },
  task: {
    name: "flow.main",
    version: "v1",
    type: "python",
    environment: "flow",
    image: "team/base:1",
    requests: { cpu: 1 },
    limits: {},
    retries: 0,
  },
  environment: [
    { name: "PASSWORD", fingerprint: "f1" },
    { name: "STAYS", fingerprint: "f2" },
  ],
  attempts: [
    {
      attempt: 1,
      createdAt: 1_500,
      provenance: {
        image: IMAGE,
        code: { bundles: ["s3://b/one.tgz"] },
        sdk: { name: "flyte", version: "2.12.1" },
        engine: "podman 4.3.1",
        adaptations: [],
      },
    },
  ],
};

const GREEN: RunDocument = {
  version: 1,
  run: {
    project: "p",
    domain: "d",
    name: "green",
    status: "succeeded",
    startedBy: "alice",
    client: "",
    baseUri: "s3://b/p/d/runs/green",
    settings: {
      labels: { team: "data" },
      annotations: {},
      overwriteCache: false,
      cacheOfSameProject: false,
      maxConcurrency: 0,
    },
  },
  action: ACTION,
  images: [IMAGE],
  omittedImages: 0,
  tasks: [{ task: "flow.main", actions: 1, failed: 0, queuedMs: 500, runningMs: 2_000, first: "a0" }],
};

function changed(action: Partial<ActionEntry>, more: Partial<RunDocument> = {}): RunDocument {
  return { ...GREEN, run: { ...GREEN.run, name: "red" }, ...more, action: { ...ACTION, ...action } };
}

test("two runs that differ in nothing but their times", () => {
  const later = changed({ createdAt: 9_000, startedAt: 9_100, endedAt: 9_900 });
  const comparison = compareDocuments(GREEN, later);
  assert.equal(isDifferent(comparison), false);
  assert.deepEqual(comparison.durations, [
    { name: "queued", beforeMs: 500, afterMs: 100 },
    { name: "running", beforeMs: 2_000, afterMs: 800 },
  ]);
  assert.deepEqual([comparison.before.run, comparison.after.run], ["green", "red"]);
});

test("a moved tag: its digest, layers, packages and interpreter", () => {
  const contents: ImageContents = {
    ...CONTENTS,
    layers: [
      { digest: digest("a"), sizeBytes: 60 },
      { digest: digest("c"), sizeBytes: 50 },
    ],
    python: {
      path: "/usr/bin/python3",
      version: "3.12.1",
      packages: { numpy: "2.0.0", pip: "23.0", fresh: "0.1", constructor: "1" },
      omittedPackages: 0,
    },
  };
  const [found, ...others] = compareDocuments(
    GREEN,
    changed({}, { images: [image("team/base:1", "2", contents)] }),
  ).images;
  assert.deepEqual(others, []);
  assert.deepEqual(found, {
    before: "team/base:1",
    after: "team/base:1",
    changes: [
      { name: "digest", before: digest("1"), after: digest("2") },
      { name: "python", before: "3.11.7", after: "3.12.1" },
    ],
    layers: { same: 1, removed: [digest("b")], added: [digest("c")], addedBytes: 50 },
    packages: [
      { name: "constructor", after: "1" },
      { name: "fresh", after: "0.1" },
      { name: "gone", before: "1" },
      { name: "numpy", before: "1.26.0", after: "2.0.0" },
    ],
    omittedPackages: 0,
    unread: [],
  });
});

test("images are paired by reference, by the action itself, and by repository; the rest have no partner", () => {
  const task = { ...(ACTION.task as NonNullable<ActionEntry["task"]>), image: "other/root:9" };
  const before = { ...GREEN, images: [IMAGE, image("team/data:1", "3"), image("team/gone:1", "4")] };
  const images = [image("other/root:9", "5"), image("team/data:2", "6"), image("new/one", "7")];
  const pairs = compareDocuments(before, changed({ task }, { images })).images;
  assert.deepEqual(
    pairs.map(({ before: old, after }) => [old, after]),
    [
      ["team/base:1", "other/root:9"],
      ["team/data:1", "team/data:2"],
      ["team/gone:1", undefined],
      [undefined, "new/one"],
    ],
  );
  // What nobody has read is not called removed.
  assert.deepEqual(
    pairs[0]?.changes.map(({ name }) => name),
    ["digest", "reference"],
  );
  assert.deepEqual([pairs[0]?.packages, pairs[0]?.unread], [undefined, [images[0]?.pinned]]);
});

test("code, inputs, environment, settings, and what ran it", () => {
  const [attempt] = ACTION.attempts;
  assert.ok(attempt !== undefined);
  const code = {
    bundles: [],
    source: { url: "https://github.com/t/a/blob/abcdef0/f.py#L1", commit: "abcdef0" },
  };
  const provenance = { ...attempt.provenance, code, sdk: { name: "flyte", version: "2.11.0" } };
  const red = changed({
    phase: "failed",
    inputs: {
      values: [
        { name: "x", text: "3", hash: "other" },
        { name: "y", text: "1", hash: "h1" },
      ],
      omitted: 2,
    },
    environment: [
      { name: "PASSWORD", fingerprint: "f9" },
      { name: "NEW", fingerprint: "f3" },
    ],
    task: {
      ...(ACTION.task as NonNullable<ActionEntry["task"]>),
      version: "v2",
      requests: { cpu: 2, memoryBytes: 1_024 },
      deadlineMs: 60_000,
    },
    attempts: [attempt, { ...attempt, attempt: 2, provenance }],
  });
  const run = { ...red.run, settings: { ...red.run.settings, labels: { team: "ml" }, overwriteCache: true } };
  const comparison = compareDocuments(GREEN, { ...red, run });
  assert.equal(isDifferent(comparison), true);
  assert.deepEqual(comparison.code, [
    { name: "bundle", before: "s3://b/one.tgz", after: "in the image" },
    { name: "source", after: "commit abcdef0" },
    { name: "version", before: "v1", after: "v2" },
  ]);
  assert.deepEqual(comparison.runtime, [{ name: "SDK", before: "flyte 2.12.1", after: "flyte 2.11.0" }]);
  // The text of a long value may be cut where two differ.
  assert.deepEqual(comparison.inputs, [
    { name: "x", before: "3", after: "3" },
    { name: "y", after: "1" },
  ]);
  assert.match(comparison.inputsNote ?? "", /2 more/u);
  assert.deepEqual(comparison.environment, [
    { name: "NEW", change: "added" },
    { name: "PASSWORD", change: "changed" },
    { name: "STAYS", change: "removed" },
  ]);
  assert.deepEqual(comparison.settings, [
    { name: "CPU request", before: "1", after: "2" },
    { name: "label team", before: "data", after: "ml" },
    { name: "overwrite cache", before: "false", after: "true" },
    { name: "memory request", after: "1024", unit: "bytes" },
    { name: "deadline", after: "60000", unit: "ms" },
  ]);
});

test("tasks of either run are listed once", () => {
  const leaf = { task: "flow.leaf", actions: 2, failed: 1, queuedMs: 10, runningMs: 20, first: "c1" };
  const { tasks } = compareDocuments(GREEN, changed({}, { tasks: [...GREEN.tasks, leaf] }));
  assert.deepEqual(tasks, [
    { task: "flow.main", before: GREEN.tasks[0], after: GREEN.tasks[0] },
    { task: "flow.leaf", after: leaf },
  ]);
});

test("a value that is undefined is none", () => {
  assert.deepEqual(changesOf({ a: undefined, b: "1" }, { a: "2", b: undefined }), [
    { name: "a", after: "2" },
    { name: "b", before: "1" },
  ]);
});
