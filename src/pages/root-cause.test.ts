import assert from "node:assert/strict";
import { test } from "node:test";
import { actionRecord } from "../../test/helpers/action-record.ts";
import type { ActionRecord } from "../domain/action-record.ts";
import { rootCause } from "./root-cause.ts";

interface Failed {
  readonly message: string;
  readonly code?: string;
  /** In the order in which they ended. */
  readonly children?: Readonly<Record<string, Failed>>;
}

/** The names from the root to the cause, and of the child that failed before. */
async function causeOf(root: Failed): Promise<[string[], string | undefined]> {
  let id = 0;
  const known = new Map<string, Failed>();
  const record = (name: string, failed: Failed): ActionRecord => {
    known.set(name, failed);
    const { message, code = "ValueError" } = failed;
    const error = { code, message, kind: "user", recoverable: true } as const;
    return actionRecord(++id, name, { phase: "failed", error });
  };
  const failedChildren = async ({ key }: ActionRecord) =>
    Object.entries(known.get(key.action)?.children ?? {}).map(([name, child]) => record(name, child));
  const { path, before } = await rootCause({ failedChildren }, record("a0", root));
  return [path.map(({ key }) => key.action), before?.key.action];
}

test("an error that parents passed on is that of the deepest child, the first of those that have it", async () => {
  const message = "x is three\nand more";
  const leaves = { first: { message }, second: { message } };
  const root = { message, children: { mid: { message, children: leaves } } };
  assert.deepEqual(await causeOf(root), [["a0", "mid", "first"], undefined]);
});

test("a parent that wraps the message of its child passes it on; the server's part of a code does not matter", async () => {
  const leaf = { message: "no such table: users", code: "RetriesExhausted|DbError" };
  const wrapped = { message: "step 3 failed: no such table: users", children: { leaf } };
  assert.deepEqual(await causeOf(wrapped), [["a0", "leaf"], undefined]);
  const framed = (line: number) => ({ message: `no rows\n    at file.ts:${line}`, code: "E" });
  assert.deepEqual(await causeOf({ ...framed(1), children: { leaf: framed(2) } }), [
    ["a0", "leaf"],
    undefined,
  ]);
  const silent = {
    message: "",
    code: "ValueError",
    children: { leaf: { message: "", code: "X|ValueError" } },
  };
  assert.deepEqual(await causeOf(silent), [["a0", "leaf"], undefined]);
});

test("an error of its own is not blamed on children that failed before: the last of them is named", async () => {
  const children = { caught: { message: "first" }, late: { message: "second" } };
  assert.deepEqual(await causeOf({ message: "gave up", children }), [["a0"], "late"]);
  // A short message is in another one by chance.
  assert.deepEqual(await causeOf({ message: "next", children: { leaf: { message: "x" } } }), [
    ["a0"],
    "leaf",
  ]);
  assert.deepEqual(await causeOf({ message: "", children: { leaf: { message: "", code: "Other" } } }), [
    ["a0"],
    "leaf",
  ]);
});
