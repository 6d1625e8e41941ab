/** What `npm run check` says of the checkout, so that nobody has to remember to ask it. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { test } from "node:test";

const root = join(import.meta.dirname, "..");

test("format, lint, types, and everything generated are in order", () => {
  const check = spawnSync(process.execPath, ["scripts/check.ts", "--static"], {
    cwd: root,
    encoding: "utf8",
  });
  assert.equal(check.status, 0, `${check.stdout}\n${check.stderr}`);
});
