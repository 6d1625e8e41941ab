import assert from "node:assert/strict";
import { randomBytes, randomInt } from "node:crypto";
import { test } from "node:test";
import { createRedactor, SHORTEST_PART } from "./redact.ts";

const newSecret = (bytes = 32) => randomBytes(bytes).toString("base64url");

/** Fails where the text has a part of the secret that must have been replaced. */
function assertGone(text: string, secret: string): void {
  for (let at = 0; at + SHORTEST_PART <= secret.length; at++)
    assert.ok(!text.includes(secret.slice(at, at + SHORTEST_PART)), `${secret} at ${at} is in ${text}`);
}

test("each secret becomes *** wherever it is, and other text stays as it is", () => {
  const [token, key] = [newSecret(90), newSecret()];
  const { redact } = createRedactor([token, key]);
  for (const [text, expected] of [
    [token, "***"],
    [`x${token}`, "x***"],
    [`${token}${token}`, "******"],
    [`${key}${token}`, "******"],
    [`http://h:30080/t/${token}/flyteidl2.X/Y?k=${key}`, "http://h:30080/t/***/flyteidl2.X/Y?k=***"],
    [token.slice(0, -1), "***"],
    [`${token.slice(1)}!`, "***!"],
    [token.slice(5, 5 + SHORTEST_PART), "***"],
    ["", ""],
    ["a line of the log", "a line of the log"],
  ] as const)
    assert.equal(redact(text), expected);
  for (const text of [token.slice(0, 7), key.slice(-7), newSecret(2_000), "\u{1f600}é".repeat(50)])
    assert.equal(redact(text), text);
});

test("a mask may have the length of what it replaces", () => {
  const secret = newSecret();
  const mask = (part: string) => "*".repeat(part.length);
  assert.equal(createRedactor([secret]).redact(`a${secret}b`, mask), `a${"*".repeat(secret.length)}b`);
});

test("a secret is found at every position, beside every other text", () => {
  const secret = newSecret();
  const { redact } = createRedactor([secret]);
  for (let before = 0; before < 40; before++)
    assert.equal(redact(`${"-".repeat(before)}${secret}-`), `${"-".repeat(before)}***-`);
});

test("a percent-encoded secret is found, and one that repeats itself", () => {
  const encoded = "se+cret/with=signs&more+of/them==";
  const same = "a".repeat(40);
  const { redact } = createRedactor([encoded, same]);
  assert.equal(redact(`?q=${encodeURIComponent(encoded)}&x`), "?q=***&x");
  assert.equal(redact(`${"a".repeat(40)}b`), "***b");
  assert.doesNotMatch(redact("a".repeat(1_000)), /a{15}/u);
});

test("a secret that is wrapped at a random place leaves no long part in either line", () => {
  for (let round = 0; round < 2_000; round++) {
    const secret = newSecret(randomInt(32, 120));
    const { redact } = createRedactor([secret]);
    const noise = newSecret(randomInt(1, 60));
    const whole = `${noise} ${secret} ${noise}`;
    const cut = randomInt(whole.length);
    const lines = [whole.slice(0, cut), whole.slice(cut)].map((line) => redact(line));
    for (const line of lines) assertGone(line, secret);
    assert.equal(lines.join("").replaceAll("***", "").includes(noise.slice(0, cut)), true);
  }
});

test("a secret that is too short to be told from other text is none", () => {
  assert.throws(() => createRedactor(["hunter2"]), /too short/u);
});
