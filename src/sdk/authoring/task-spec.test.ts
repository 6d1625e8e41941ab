import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { SDK_VERSION } from "./task-spec.ts";

test("the version that specifications name is that of the package", () => {
  const text = readFileSync(new URL("../../../package.json", import.meta.url), "utf8");
  assert.equal(SDK_VERSION, (JSON.parse(text) as { readonly version: string }).version);
});
