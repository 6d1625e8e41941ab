import assert from "node:assert/strict";
import { test } from "node:test";
import { attemptOfToken, tokenOf } from "./attempt-token.ts";
import { signingKeysOf } from "../../test/helpers/signing-keys.ts";

const KEY = { project: "p", domain: "development", run: "r", action: "a0", attempt: 2 };

test("a token names its attempt, and no other can be made of it", () => {
  const keys = signingKeysOf("one");
  const token = tokenOf(keys, KEY);
  assert.match(token, /^[\w.-]+$/u, "as a path holds it");
  assert.deepEqual(attemptOfToken(keys, token), KEY);
  assert.equal(attemptOfToken(signingKeysOf("two"), token), undefined);
  const [prefix, , signature] = token.split(".");
  const name = Buffer.from("p/development/r/a0/3").toString("base64url");
  for (const forged of [
    `${prefix}.${name}.${signature}`,
    token.slice(0, -1),
    `${token}x`,
    "bka.",
    "bka.a",
    "",
  ])
    assert.equal(attemptOfToken(keys, forged), undefined, forged);
});
