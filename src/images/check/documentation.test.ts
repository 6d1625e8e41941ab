/** docs/image-check.md explains every finding, with its level. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { FINDINGS } from "./findings.ts";

const root = join(import.meta.dirname, "../../..");
const CODE = /\bcode: (?:[^"\n]*\? )?"([A-Z0-9_]+)"(?: : "([A-Z0-9_]+)")?/gu;

test("every finding is explained, and nothing else", () => {
  const page = readFileSync(join(root, "docs/image-check.md"), "utf8");
  const rows = [...page.matchAll(/^\| `([A-Z0-9_]+)` \| (blocks|limits|note) \|/gmu)];
  const explained = new Map(rows.map(([, code = "", level = ""]) => [code, level]));
  for (const { code, level } of FINDINGS) assert.equal(explained.get(code), level, code);
  const others = ["task-import.ts", "report.ts"].flatMap((file) =>
    [...readFileSync(join(import.meta.dirname, file), "utf8").matchAll(CODE)].flatMap(([, ...codes]) =>
      codes.filter((code) => code !== undefined),
    ),
  );
  const fromErrors = [
    ...readFileSync(join(import.meta.dirname, "report.ts"), "utf8").matchAll(/case "([A-Z0-9_]+)":/gu),
  ].flatMap(([, code = ""]) => (code === "IMAGE_UNAUTHORIZED" ? [] : code));
  const given = new Set([...FINDINGS.map(({ code }) => code), ...others, ...fromErrors]);
  assert.deepEqual([...explained.keys()].toSorted(), [...given].toSorted());
});
