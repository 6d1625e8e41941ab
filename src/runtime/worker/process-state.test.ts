import assert from "node:assert/strict";
import { mkdtempSync, rmdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { setProcessState } from "./process-state.ts";

test("arguments, variables and the working directory are restored, whatever the task made of them", (t) => {
  t.after(() => delete process.env["KEPT"]);
  process.env["KEPT"] = "before";
  const argv = [...process.argv];
  const directory = process.cwd();
  const restore = setProcessState(["--name", "a0"], { OWN: "own" });
  assert.deepEqual([process.argv.slice(2), process.env["OWN"]], [["--name", "a0"], "own"]);
  process.argv.push("more");
  process.env["KEPT"] = "changed";
  process.env["ADDED"] = "by a task";
  process.chdir("/");
  const umask = process.umask(0o077);
  assert.equal(restore(), undefined);
  assert.equal(process.umask(umask), umask);
  assert.deepEqual([process.argv, process.cwd()], [argv, directory]);
  assert.deepEqual(
    [process.env["KEPT"], process.env["OWN"], process.env["ADDED"]],
    ["before", undefined, undefined],
  );
});

test("a working directory that is gone is named", (t) => {
  const directory = process.cwd();
  t.after(() => process.chdir(directory));
  const gone = mkdtempSync(join(tmpdir(), "boxkite-gone-"));
  process.chdir(gone);
  const restore = setProcessState([], {});
  process.chdir("/");
  rmdirSync(gone);
  assert.match(restore() ?? "", /working directory cannot be restored: ENOENT/u);
});
