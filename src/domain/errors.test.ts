import assert from "node:assert/strict";
import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { ACTION_CODES } from "./action-codes.ts";
import { BoxkiteError, ERROR_CODES } from "./errors.ts";

/** Rows about what the task itself raised. */
const TASKS_OWN: ReadonlySet<string> = new Set(
  ["RetriesExhausted\\|<code>", "ModuleNotFoundError", "AttributeError", "PermissionError"].map(
    (code) => `\`${code}\``,
  ),
);

const root = join(import.meta.dirname, "../..");

test("every code is explained in docs/errors.md, with the one who can mend it", () => {
  const rows = readFileSync(join(root, "docs/errors.md"), "utf8").matchAll(
    /^\| `([A-Z_]+)` \| (user|system) \|/gmu,
  );
  const explained = Object.fromEntries([...rows].map(([, code, kind]) => [code, kind]));
  assert.deepEqual(explained, { ...ERROR_CODES });
});

test("so is every code that actions get", () => {
  const [, table = ""] = readFileSync(join(root, "docs/errors.md"), "utf8").split("## Errors of actions");
  const rows = [...table.matchAll(/^\| [^|]* \| (`.*`) \| (user|system) \|/gmu)];
  for (const kind of ["user", "system"] as const) {
    const explained = rows.filter((row) => row[2] === kind).flatMap(([, codes = ""]) => codes.split(", "));
    const given = ACTION_CODES[kind].map((code) => `\`${code}\``);
    assert.deepEqual(explained.filter((code) => !TASKS_OWN.has(code)).toSorted(), given.toSorted());
  }
});

test("every code is thrown or given somewhere", () => {
  const sources = globSync("src/**/*.ts", {
    cwd: root,
    exclude: [
      "src/wire/gen/**",
      "src/**/*.test.ts",
      "src/domain/*{errors,codes}.ts",
      "src/services/errors.ts",
    ],
  });
  const text = sources.map((file) => readFileSync(join(root, file), "utf8")).join("\n");
  for (const code of [...Object.keys(ERROR_CODES), ...Object.values(ACTION_CODES).flat()])
    assert.ok(text.includes(`"${code}"`), `${code} is thrown nowhere`);
});

test("two copies of the package recognise each other's errors", () => {
  const foreign = { [Symbol.for("boxkite.BoxkiteError")]: true };
  assert.ok(foreign instanceof BoxkiteError);
  assert.ok(!(new Error("x") instanceof BoxkiteError));
});
