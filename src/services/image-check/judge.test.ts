/** What is refused before a start has to fail at each start: the rows with `runs` could run all the same. */
import assert from "node:assert/strict";
import { suite, test } from "node:test";
import {
  BARE_PYTHON,
  CONTAINER,
  imageFacts,
  PYTHON,
  withoutPython,
} from "../../../test/helpers/image-facts.ts";
import { BoxkiteError } from "../../domain/errors.ts";
import type { ContainerFacts } from "../../domain/image-facts.ts";
import { findingsOf } from "../../images/check/findings.ts";
import { subjectOf } from "../../images/check/subject.ts";
import type { ImageUse } from "../../images/check/certain-refusal.ts";
import { judgeError, judgeFacts, withoutRefusal } from "./judge.ts";

const USE: ImageUse = { program: "python", changesSearch: false, available: new Set() };
const NODE_TASK = { ...USE, program: "typescript" } as const;
const RELATED = { ...USE, program: "unknown" } as const;

const OLD_FLYTE: Partial<ContainerFacts> = {
  pythons: [{ ...PYTHON, packages: { flyte: "2.0.12", pip: "23.2.1" } }],
};
const { a0: _none, ...NO_A0 } = CONTAINER.programs;
const NO_FLYTE: Partial<ContainerFacts> = {
  pythons: [BARE_PYTHON],
  programs: { ...NO_A0, python: "/usr/local/bin/python" },
};
const OLD_PYTHON: Partial<ContainerFacts> = {
  pythons: [{ ...BARE_PYTHON, version: "3.8.10" }],
  programs: NO_A0,
};
const EMPTY = withoutPython({});
const NODE = withoutPython({
  programs: { ...EMPTY.programs, node: "/usr/bin/node" },
  node: { path: "/usr/bin/node", version: "24.1.0" },
});

const judge = (container: Partial<ContainerFacts>, use: ImageUse = USE) =>
  judgeFacts("team/app:1", imageFacts(container), use);

suite("refused before a start", () => {
  const rows: readonly [string, Partial<ContainerFacts>, ImageUse, RegExp][] = [
    ["a flyte that cannot call the server", OLD_FLYTE, USE, /flyte 2\.0\.12 in .*cannot call this server/u],
    ["the same in an image of another environment", OLD_FLYTE, RELATED, /flyte 2\.0\.12/u],
    ["no interpreter", EMPTY, USE, /has no Python/u],
    ["no flyte, and nothing that brings one", NO_FLYTE, USE, /no interpreter in it has the package flyte/u],
    ["an old Python", OLD_PYTHON, USE, /needs Python 3\.10 or newer/u],
    ["a Python task in an image with Node only", NODE, USE, /has no Python/u],
    ["a TypeScript task in an image with Python only", {}, NODE_TASK, /has no Node/u],
    ["a TypeScript task without boxkite", NODE, NODE_TASK, /not the package boxkite/u],
  ];
  for (const [name, container, use, message] of rows)
    test(name, () => {
      const { refusal } = judge(container, use);
      assert.equal(refusal?.code, "IMAGE_CANNOT_RUN");
      assert.match(refusal.message, /^no task can run in the image team\/app:1: /u);
      assert.match(refusal.message, message);
      assert.match(refusal.hint ?? "", /^in its Dockerfile: /u);
    });
});

suite("not refused, since it may run", () => {
  const runs = { ...USE, changesSearch: true };
  const rows: readonly [string, Partial<ContainerFacts>, ImageUse][] = [
    ["an image that runs", {}, USE],
    ["a task that sets where programs are found", NO_FLYTE, runs],
    ["a program of the image's own", EMPTY, { ...USE, program: "other" }],
    ["an image of another environment, which may start a program of its own", EMPTY, RELATED],
    ["the same without flyte", NO_FLYTE, RELATED],
    ["an a0 that brings its own interpreter", { ...NO_FLYTE, programs: CONTAINER.programs }, USE],
    ["an ENTRYPOINT that may prepare the environment", { ...NO_FLYTE, entrypoint: "unknown" }, USE],
    [
      "one that is not replaced for the task as it was for the check",
      { ...EMPTY, entrypoint: "swallows" },
      USE,
    ],
    ["an image that was not read to its end", { ...EMPTY, complete: false }, USE],
    [
      "a Python that did not run here",
      { ...OLD_PYTHON, pythons: [{ path: "/x/python", hasA0: false, packages: {} }] },
      USE,
    ],
    [
      "a container that could not be started",
      { ...EMPTY, startFailure: { code: "IMAGE_USER_NOT_FOUND", message: "there is no user app" } },
      USE,
    ],
    [
      "an old flyte beside a new one",
      { pythons: [PYTHON, { ...PYTHON, path: "/opt/venv/bin/python", packages: { flyte: "2.0.1" } }] },
      USE,
    ],
  ];
  for (const [name, container, use] of rows)
    test(name, () => assert.equal(judge(container, use).refusal, undefined));
});

test("what the server adapts is neither refused nor noted", () => {
  const [missing] = findingsOf(subjectOf("team/app:1", imageFacts(NO_FLYTE), {}));
  assert.ok(missing?.code === "FLYTE_MISSING" && missing.adaptation !== undefined);
  const { refusal, notes } = judge(NO_FLYTE, { ...USE, available: new Set([missing.adaptation]) });
  assert.deepEqual([refusal, notes], [undefined, []]);
});

test("an ENTRYPOINT that is replaced for the task is known to find nothing", () => {
  const use = { ...USE, available: new Set(["entrypoint"] as const) };
  assert.equal(judge({ ...EMPTY, entrypoint: "swallows" }, use).refusal?.code, "IMAGE_CANNOT_RUN");
});

test("other findings are notes, each with what mends it; those that harm no task are not", () => {
  const { refusal, notes } = judge({
    entrypoint: "swallows",
    workdir: { path: "/srv", writable: false },
    home: { path: "/root", writable: false },
  });
  assert.equal(refusal, undefined);
  assert.deepEqual(
    notes.map(({ image, code }) => [image, code]),
    [
      ["team/app:1", "ENTRYPOINT_SWALLOWS"],
      ["team/app:1", "WORKDIR_NOT_WRITABLE"],
    ],
  );
  assert.equal(notes[0]?.mend, 'in its Dockerfile: ENTRYPOINT []; or let a script end with: exec "$@"');
});

suite("an image that cannot be had", () => {
  for (const code of ["IMAGE_NOT_FOUND", "IMAGE_WRONG_PLATFORM", "IMAGE_REFERENCE_INVALID"] as const)
    test(`${code} is refused as it is`, () => {
      const error = new BoxkiteError(code, "it is not there", { hint: "push it" });
      const judged = judgeError("team/app:1", error);
      assert.equal(judged.refusal, error);
      assert.deepEqual(withoutRefusal(judged, "team/app:1"), [
        { image: "team/app:1", code, text: "it is not there", mend: "push it" },
      ]);
    });
  for (const code of [
    "IMAGE_UNAUTHORIZED",
    "REGISTRY_RATE_LIMITED",
    "REGISTRY_UNREACHABLE",
    "EGRESS_DENIED",
  ] as const)
    test(`${code} is a note`, () => {
      const { refusal, notes } = judgeError("team/app:1", new BoxkiteError(code, "no answer"));
      assert.deepEqual([refusal, notes.map(({ text }) => text)], [undefined, ["no answer"]]);
    });
  test("an engine that fails says nothing of it", () => {
    const error = new BoxkiteError("ENGINE_UNREACHABLE", "no answer");
    assert.deepEqual(judgeError("team/app:1", error), { notes: [] });
    assert.deepEqual(judgeError("team/app:1", new Error("x")), { notes: [] });
  });
});
