import assert from "node:assert/strict";
import { test } from "node:test";
import { errorBox } from "./error-box.ts";
import { ERROR_TRAILER } from "../domain/error-trailer.ts";

test("people see the message of a TypeScript task without what is for programs", () => {
  const message = `no more${ERROR_TRAILER}{"fields":{"limit":3}}`;
  const box = String(errorBox("Failed", { code: "QuotaError", message, kind: "user", recoverable: true }));
  assert.match(box, />\s*no more<\/pre>/);
});
