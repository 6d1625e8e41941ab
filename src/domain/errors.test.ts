import assert from "node:assert/strict";
import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { BoxkiteError, ERROR_CODES } from "./errors.ts";

const root = join(import.meta.dirname, "../..");

test("every code is explained in docs/errors.md, with the one who can mend it", () => {
  const rows = readFileSync(join(root, "docs/errors.md"), "utf8").matchAll(
    /^\| `([A-Z_]+)` \| (user|system) \|/gmu,
  );
  const explained = Object.fromEntries([...rows].map(([, code, kind]) => [code, kind]));
  assert.deepEqual(explained, { ...ERROR_CODES });
});

test("every code is thrown somewhere", () => {
  const sources = globSync("src/**/*.ts", {
    cwd: root,
    exclude: ["src/wire/gen/**", "src/**/*.test.ts", "src/domain/errors.ts", "src/services/errors.ts"],
  });
  const text = sources.map((file) => readFileSync(join(root, file), "utf8")).join("\n");
  for (const code of Object.keys(ERROR_CODES))
    assert.ok(text.includes(`"${code}"`), `${code} is thrown nowhere`);
});

test("two copies of the package recognise each other's errors", () => {
  const foreign = { [Symbol.for("boxkite.BoxkiteError")]: true };
  assert.ok(foreign instanceof BoxkiteError);
  assert.ok(!(new Error("x") instanceof BoxkiteError));
});
