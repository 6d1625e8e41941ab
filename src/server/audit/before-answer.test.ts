import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type ServerResponse } from "node:http";
import { connect, createServer as createHttp2Server } from "node:http2";
import type { AddressInfo } from "node:net";
import { test, type TestContext } from "node:test";
import { BoxkiteError } from "../../domain/errors.ts";
import { LOCAL } from "../../domain/principal.ts";
import { systemClock } from "../../lib/clock.ts";
import { NO_AUDIT } from "../../../test/helpers/no-audit.ts";
import type { Response } from "../listener.ts";
import { createAuditedCalls } from "./audited-calls.ts";
import { auditHttp } from "./http-audit.ts";

/** Whose log is found to be full when the first line is written. */
const audited = () => {
  const write = () => {
    throw new BoxkiteError("DISK_FULL", "the disk is full");
  };
  return createAuditedCalls({ ...NO_AUDIT, write }, systemClock);
};

/** Answers in pieces, as pages that stream do: what follows the first knows nothing of its refusal. */
async function answerInPieces(response: Response): Promise<void> {
  auditHttp(audited(), response, { ...LOCAL }, "page/stream", "read");
  const answer = response as ServerResponse;
  answer.setHeader("content-type", "application/x-ndjson");
  // What is written in one chain of microtasks comes before Node has closed what was ended.
  await Promise.resolve();
  answer.write("first\n");
  await Promise.resolve();
  answer.write("second\n");
  answer.end("third\n");
  answer.end();
}

async function portOf(t: TestContext, server: ReturnType<typeof createServer>): Promise<number> {
  t.after(() => server.close());
  await once(server.listen(0, "127.0.0.1"), "listening");
  return (server.address() as AddressInfo).port;
}

test("where the line of a stream cannot be written, that is the whole answer, over HTTP/1.1", async (t) => {
  const answered = Promise.withResolvers<void>();
  const server = createServer((_, response) => void answerInPieces(response).then(answered.resolve));
  const answer = await fetch(`http://127.0.0.1:${await portOf(t, server)}`);
  assert.equal(answer.status, 503);
  assert.match(answer.headers.get("content-type") ?? "", /^text\/plain/u);
  assert.equal(await answer.text(), "the disk is full\n");
  await answered.promise;
});

test("where the line of a stream cannot be written, that is the whole answer, over HTTP/2", async (t) => {
  const answered = Promise.withResolvers<void>();
  const server = createHttp2Server((_, response) => void answerInPieces(response).then(answered.resolve));
  const port = await portOf(t, server as unknown as ReturnType<typeof createServer>);
  const session = connect(`http://127.0.0.1:${port}`);
  t.after(() => session.close());
  const stream = session.request({ ":path": "/" });
  const [headers] = (await once(stream, "response")) as [Record<string, unknown>];
  assert.equal(headers[":status"], 503);
  assert.equal((await Array.fromAsync(stream)).join(""), "the disk is full\n");
  await answered.promise;
});

test("where the line of an answer in one piece cannot be written, that is the whole answer", async (t) => {
  const server = createServer((_, response) => {
    auditHttp(audited(), response, { ...LOCAL }, "page/run", "read");
    response.setHeader("content-length", 4);
    response.end("data");
    response.end("data");
  });
  const answer = await fetch(`http://127.0.0.1:${await portOf(t, server)}`);
  assert.equal(answer.status, 503);
  assert.equal(await answer.text(), "the disk is full\n");
});
