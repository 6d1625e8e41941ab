import assert from "node:assert/strict";
import { test } from "node:test";
import { IMAGE } from "../../test/helpers/resolved-image.ts";
import type { AttemptStart } from "./attempt-start.ts";
import { describeCode, provenanceOf } from "./provenance.ts";

const START: AttemptStart = {
  engine: "podman 4.3.1",
  adaptations: [{ kind: "interpreter", path: "/opt/venv/bin/python" }],
  interpreter: { path: "/opt/venv/bin/python", version: "3.11.7" },
  sdk: { name: "flyte", version: "2.12.0" },
  base: { name: "python:3.11-slim", digest: "sha256:2" },
  warm: { mode: "fork", pool: "5f2c", worker: "w1", earlierAttempts: 3 },
  cold: "the task has no network",
  defaults: { _F_P_CNC: "1000" },
};
const BUNDLE = "s3://boxkite/p/d/uploads/abc/code.tgz";

test("of an attempt: what it ran in, how it was started, and what it ran", () => {
  const task = { reads: [BUNDLE], sentBy: { name: "flyte", version: "2.12.1" } };
  assert.deepEqual(provenanceOf({ image: IMAGE, start: START }, task), {
    image: IMAGE,
    ...START,
    code: { bundles: [BUNDLE] },
    sentBy: task.sentBy,
  });
});

test("what an earlier version did not record is left out", () => {
  assert.deepEqual(provenanceOf({ image: IMAGE }, { reads: [] }), { image: IMAGE, code: { bundles: [] } });
  assert.deepEqual(provenanceOf({}, undefined), { code: { bundles: [] } });
});

test("the commit is read from the link that the SDK sends", () => {
  const commit = "0123456789abcdef0123456789abcdef01234567";
  const linked = (sourceUrl: string) => provenanceOf({}, { reads: [], sourceUrl }).code;
  for (const url of [
    `https://github.com/team/app/blob/${commit}/flow.py#L12`,
    `https://gitlab.com/team/app/-/blob/${commit}/flow.py#L12`,
  ]) {
    assert.deepEqual(linked(url).source, { url, commit });
    assert.equal(describeCode(linked(url)), "in the image, commit 0123456789ab");
  }
  // Of a checkout with changes the SDK sends no line.
  const url = `https://github.com/team/app/blob/${commit}/flow.py`;
  assert.deepEqual(linked(url).source, { url, commit, isChanged: true });
  assert.equal(describeCode(linked(url)), "in the image, commit 0123456789ab with changes");
  const branch = "https://github.com/team/app/blob/main/flow.py";
  assert.deepEqual(linked(branch).source, { url: branch });
  assert.equal(describeCode({ bundles: [BUNDLE] }), BUNDLE);
});
