import assert from "node:assert/strict";
import { test } from "node:test";
import { MAX_OUTPUT_BYTES, MAX_VALUE_CHARS, ProbeFrames } from "./probe-frames.ts";

const NONCE = "0123456789abcdef";

function read(...chunks: readonly (string | Uint8Array)[]): ProbeFrames {
  const frames = new ProbeFrames(NONCE);
  for (const chunk of chunks) frames.push(typeof chunk === "string" ? Buffer.from(chunk) : chunk);
  frames.end();
  return frames;
}

test("lines of the probe are found among other output, in any chunks", () => {
  const text = `== CUDA ==\n${NONCE} uid 1000\nwelcome ${NONCE} workdir yes /my app\n${NONCE} end`;
  const expected = [
    { key: "uid", value: "1000" },
    { key: "workdir", value: "yes /my app" },
    { key: "end", value: "" },
  ];
  assert.deepEqual(read(text).frames, expected);
  assert.deepEqual(read(...text.split(/(?=.)/su)).frames, expected);
  assert.equal(read(text).lastLine, "== CUDA ==");
});

test("control characters and bytes that are no text are replaced", () => {
  const [frame] = read(Buffer.from([...Buffer.from(`${NONCE} os a\u001b[31mb\u202ec`), 0xff])).frames;
  assert.equal(frame?.value, "a\uFFFD[31mb\uFFFDc\uFFFD");
  assert.equal(read("\u001b]0;title\u0007bad\n").lastLine, "\uFFFD]0;title\uFFFDbad");
});

test("values, lines and the whole are bounded", () => {
  assert.equal(read(`${NONCE} path ${"p".repeat(5_000)}\n`).frames[0]?.value.length, MAX_VALUE_CHARS);
  const endless = read("x".repeat(20_000), `${NONCE} uid 0`, `\n${NONCE} gid 0\n`);
  assert.deepEqual(
    endless.frames.map(({ key }) => key),
    ["gid"],
    "a line that is too long is left out up to its end",
  );
  const many = read(`${NONCE} packages ${"p".repeat(900)}\n`.repeat(1_000));
  assert.ok(many.isFull && many.frames.length < 300, String(many.frames.length));
  const flood = new ProbeFrames(NONCE);
  const noise = Buffer.from("noise\n".repeat(100_000));
  for (let bytes = 0; bytes < MAX_OUTPUT_BYTES; bytes += noise.length) flood.push(noise);
  assert.ok(flood.isFull);
  flood.push(Buffer.from(`${NONCE} uid 0\n`));
  assert.deepEqual(flood.frames, []);
});
