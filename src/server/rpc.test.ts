import assert from "node:assert/strict";
import { once } from "node:events";
import { connect as connectHttp2, type IncomingHttpHeaders } from "node:http2";
import { connect } from "node:net";
import { test, type TestContext } from "node:test";
import { create } from "@bufbuild/protobuf";
import { LOCAL } from "../domain/principal.ts";
import { systemClock } from "../lib/clock.ts";
import { ProjectService } from "../wire/gen/flyteidl2/project/project_service_pb.js";
import { GetProjectResponseSchema } from "../wire/gen/flyteidl2/project/project_service_pb.js";
import { RunService } from "../wire/gen/flyteidl2/workflow/run_service_pb.js";
import { StateService } from "../wire/gen/flyteidl2/workflow/state_service_pb.js";
import { NO_AUDIT } from "../../test/helpers/no-audit.ts";
import { recordingLogger } from "../../test/helpers/recording-logger.ts";
import { createAuditedCalls } from "./audit/audited-calls.ts";
import { auditInterceptor } from "./audit/rpc-audit.ts";
import { dropEndlessTimeout } from "./endless-timeout.ts";
import { listen } from "./listener.ts";
import { unknownMethod } from "./router.ts";
import { createRpc } from "./rpc.ts";

const GET_PROJECT = "/flyteidl2.project.ProjectService/GetProject";
const WATCH_RUNS = "/flyteidl2.workflow.RunService/WatchRuns";

async function start(t: TestContext, { areOthersMissing = false } = {}) {
  const { log, lines } = recordingLogger();
  let loads = 0;
  const rpc = createRpc({
    register: (router) => {
      router.service(ProjectService, { getProject: async () => create(GetProjectResponseSchema) });
      router.service(RunService, { watchRuns: async function* () {} });
    },
    loadOthers: async () => {
      loads += 1;
      if (areOthersMissing) throw new Error("Cannot find module 'every-service.js'");
      return (router) => void router.service(StateService, {});
    },
    unknown: unknownMethod,
    audit: auditInterceptor(createAuditedCalls(NO_AUDIT, systemClock)),
    log,
  });
  const reach = { listenAt: "127.0.0.1", accepts: () => true, classOf: () => "loopback" as const };
  const ended = Promise.withResolvers<void>();
  const listener = await listen({
    port: 0,
    reach,
    handler: (request, response) => {
      response.once("close", () => setImmediate(ended.resolve));
      rpc(request, response, LOCAL);
    },
  });
  t.after(() => listener.close());
  return { port: listener.port, lines, ended: ended.promise, loads: () => loads };
}

/** A message of JSON that is a lone half of a surrogate pair, which Connect quotes in its error. */
const LONE = Buffer.from('"\\ud800"');
const ENVELOPED = Buffer.concat([Buffer.from([0, 0, 0, 0, LONE.length]), LONE]);

test("a call of gRPC whose error cannot be encoded is answered: it blames the call", async (t) => {
  const { port, lines } = await start(t);
  const url = `http://127.0.0.1:${port}`;
  const web = await fetch(url + GET_PROJECT, {
    method: "POST",
    headers: { "content-type": "application/grpc-web+json" },
    body: ENVELOPED,
  });
  assert.deepEqual([web.status, web.headers.get("grpc-status")], [200, "3"]);
  const session = connectHttp2(url);
  t.after(() => session.destroy());
  const stream = session.request({
    ":method": "POST",
    ":path": GET_PROJECT,
    "content-type": "application/grpc+json",
  });
  stream.end(ENVELOPED).resume();
  const [headers] = (await once(stream, "response")) as [IncomingHttpHeaders];
  assert.equal(headers["grpc-status"], "3");
  assert.match(decodeURIComponent(String(headers["grpc-message"])), /not valid Unicode/u);
  assert.deepEqual(lines, []);
});

test("a client that goes away in the middle of a stream's body is no failure of the server", async (t) => {
  const { port, lines, ended } = await start(t);
  const socket = connect(port, "127.0.0.1");
  const head = `POST ${WATCH_RUNS} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/connect+json\r\n`;
  socket.write(`${head}content-length: 100\r\n\r\n123`, () => setImmediate(() => socket.resetAndDestroy()));
  await ended;
  assert.deepEqual(
    lines.filter(({ level }) => level === "error"),
    [],
  );
});

test("a timeout that is longer than any timer is none", async (t) => {
  const { port } = await start(t);
  const answer = await fetch(`http://127.0.0.1:${port}${GET_PROJECT}`, {
    method: "POST",
    headers: { "content-type": "application/json", "connect-timeout-ms": "9999999999" },
    body: "{}",
  });
  assert.equal(answer.status, 200);
  for (const [name, value, isKept] of [
    ["grpc-timeout", "99999999H", false],
    ["grpc-timeout", "99999999S", false],
    ["grpc-timeout", "99999999m", true],
    ["grpc-timeout", "10S", true],
    ["grpc-timeout", "x", true],
    ["connect-timeout-ms", "2147483647", true],
    ["connect-timeout-ms", "2147483648", false],
  ] as const) {
    const headers = new Headers({ [name]: value });
    dropEndlessTimeout(headers);
    assert.equal(headers.has(name), isKept, value);
  }
});

test("a long refusal of a call that cannot be decoded is answered, compressed or not", async (t) => {
  const { port, lines } = await start(t);
  const query = `connect=v1&encoding=json&message=${encodeURIComponent("{}")}&compression=${"x".repeat(2_000)}`;
  for (const encoding of ["gzip", "br", "identity"]) {
    const headers = { "accept-encoding": encoding };
    const answer = await fetch(`http://127.0.0.1:${port}${GET_PROJECT}?${query}`, { headers });
    const { code } = (await answer.json()) as { code: string };
    assert.deepEqual([answer.status, code], [501, "unimplemented"], encoding);
  }
  assert.deepEqual(
    lines.filter(({ level }) => level === "error"),
    [],
  );
});

test("services without an implementation that cannot be loaded are unknown, which the log says once", async (t) => {
  const { port, lines, loads } = await start(t, { areOthersMissing: true });
  for (let calls = 0; calls < 2; calls++) {
    const answer = await fetch(`http://127.0.0.1:${port}/flyteidl2.workflow.StateService/Put`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: "{}",
    });
    assert.equal(answer.status, 404);
    assert.equal(((await answer.json()) as { code: string }).code, "unimplemented");
  }
  assert.equal(loads(), 1);
  assert.equal(lines.length, 1);
});

test("services without an implementation are loaded when one is called, and answer in the call's protocol", async (t) => {
  const { port, loads } = await start(t);
  const call = (path: string, contentType: string) =>
    fetch(`http://127.0.0.1:${port}${path}`, {
      method: "POST",
      headers: { "content-type": contentType },
      body: contentType === "application/json" ? "{}" : new Uint8Array(5),
    });
  await call(GET_PROJECT, "application/json");
  assert.equal(loads(), 0);
  const put = "/flyteidl2.workflow.StateService/Put";
  const answers = await Promise.all([
    call(put, "application/json"),
    call("/flyteidl2.x.Y/Z", "application/json"),
  ]);
  const texts = await Promise.all(answers.map((answer) => answer.json() as Promise<{ message: string }>));
  assert.deepEqual(
    answers.map(({ status }) => status),
    [501, 404],
  );
  assert.match(texts[0]?.message ?? "", /does not have the call flyteidl2\.workflow\.StateService\/Put/u);
  assert.match(texts[1]?.message ?? "", /flyteidl2\.x\.Y\/Z is not implemented/u);
  const web = await call("/flyteidl2.workflow.StateService/Watch", "application/grpc-web+proto");
  assert.equal(web.status, 200);
  assert.match(await web.text(), /grpc-status: 12\r\n/u);
  assert.equal(loads(), 1);
});
