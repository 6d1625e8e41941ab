import assert from "node:assert/strict";
import { test } from "node:test";
import { create } from "@bufbuild/protobuf";
import { DocumentationEntitySchema, TaskSpecSchema } from "./gen/flyteidl2/task/task_definition_pb.js";
import { decodeTaskSpec } from "./task-spec.ts";

const madeWith = (version: string, flavor = "python") =>
  create(TaskSpecSchema, {
    taskTemplate: {
      id: { name: "env.task", version: "1" },
      type: "python",
      metadata: { runtime: { version, flavor } },
      target: { case: "container", value: { image: "app:1" } },
    },
  });

test("a task that was made with an SDK whose containers cannot send their token is refused", () => {
  for (const version of ["2.0", "2.0.0", "2.0.12", "2.0.0b13"])
    assert.throws(() => decodeTaskSpec(madeWith(version)), {
      code: "FIELD_NOT_SUPPORTED",
      message: new RegExp(`^task env\\.task was made with flyte ${version.replaceAll(".", "\\.")}, `, "u"),
      hint: /flyte 2\.2 or newer, on your machine and in the image/u,
    });
  for (const version of ["", "2.1.9", "2.2.0", "2.12.1", "2.01.0", "0.1.0", "12.0.1"])
    assert.equal(decodeTaskSpec(madeWith(version)).definition.name, "env.task", version);
  assert.ok(decodeTaskSpec(madeWith("2.0.0", "typescript")));
});

test("which SDK sent a task is kept, and where its source is where a browser may follow that", () => {
  const { sentBy, sourceUrl } = decodeTaskSpec(madeWith("2.12.1")).definition;
  assert.deepEqual([sentBy, sourceUrl], [{ name: "flyte", version: "2.12.1" }, undefined]);
  assert.deepEqual(decodeTaskSpec(madeWith("0.1.0", "typescript")).definition.sentBy?.name, "boxkite");
  assert.equal(decodeTaskSpec(madeWith("")).definition.sentBy, undefined);
  const linked = (link: string) => {
    const spec = madeWith("2.12.1");
    spec.documentation = create(DocumentationEntitySchema, { sourceCode: { link } });
    return decodeTaskSpec(spec).definition.sourceUrl;
  };
  const url = "https://github.com/team/app/blob/0123456/flow.py#L3";
  assert.equal(linked(url), url);
  for (const other of ["", "javascript:alert(1)", "git@github.com:team/app", `https://${"x".repeat(3_000)}`])
    assert.equal(linked(other), undefined, other.slice(0, 20));
});
