import assert from "node:assert/strict";
import { test } from "node:test";
import type { StreamRequest, StreamResponse } from "@connectrpc/connect";
import { BoxkiteError } from "../domain/errors.ts";
import { CODE_HEADER, HINT_HEADER } from "../wire/error-headers.ts";
import { recordingLogger } from "../../test/helpers/recording-logger.ts";
import { errorInterceptor, toConnectError } from "./errors.ts";

test("code and hint cross as headers, whatever the hint has in it; the message has the hint, too", () => {
  const hint = "type: boxkite up --engine podman\n100 % »sicher« \u{1F4A1}";
  const { metadata, rawMessage } = toConnectError(
    new BoxkiteError("ENGINE_UNREACHABLE", "no engine", { hint }),
  );
  assert.equal(metadata.get(CODE_HEADER), "ENGINE_UNREACHABLE");
  assert.match(metadata.get(HINT_HEADER) ?? "", /^[\x21-\x7e]+$/u);
  assert.equal(decodeURIComponent(metadata.get(HINT_HEADER) ?? ""), hint);
  assert.equal(rawMessage, `no engine; hint: ${hint}`);
});

test("a hint that was cut in the middle of a character can still be sent", () => {
  const { metadata } = toConnectError(new BoxkiteError("INVALID_ARGUMENT", "no", { hint: "x\ud83d" }));
  assert.equal(decodeURIComponent(metadata.get(HINT_HEADER) ?? ""), "x\ufffd");
});

test("a hint that no client would take as a header is in the message only", () => {
  const { metadata, rawMessage } = toConnectError(
    new BoxkiteError("INVALID_ARGUMENT", "no", { hint: "ä".repeat(1_000) }),
  );
  assert.equal(metadata.has(HINT_HEADER), false);
  assert.match(rawMessage, /ä{1000}$/u);
});

test("without a hint there is no header for it, and an unexpected error has neither header", () => {
  assert.equal(toConnectError(new BoxkiteError("RUN_NOT_FOUND", "no")).metadata.has(HINT_HEADER), false);
  assert.deepEqual([...toConnectError(new Error("secret")).metadata.keys()], []);
});

test("a stream that fails is the server's failure, unless its client has gone", async () => {
  for (const isLeft of [false, true]) {
    const { log, lines } = recordingLogger();
    const client = new AbortController();
    // An iterator without `throw`, as some of Connect's are.
    const message = { [Symbol.asyncIterator]: () => ({ next: async () => ({ done: false, value: {} }) }) };
    const next = async () => ({ stream: true, message }) as unknown as StreamResponse;
    const service = { typeName: "Service" };
    const request = { stream: true, service, method: { name: "Watch" }, signal: client.signal };
    const response = await errorInterceptor(log)(next)(request as unknown as StreamRequest);
    const messages = response.message as AsyncGenerator;
    await messages.next();
    if (isLeft) client.abort();
    await assert.rejects(messages.throw(new Error("the stream is closed")));
    const failure = { level: "error", message: "a request failed", method: "Service/Watch" };
    assert.deepEqual(
      lines.filter(({ level }) => level === "error"),
      isLeft ? [] : [{ ...failure, error: "the stream is closed" }],
    );
  }
});
