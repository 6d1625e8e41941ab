import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createServer as createPlainServer, type RequestListener, type Server } from "node:http";
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { createClient } from "@connectrpc/connect";
import { connectNodeAdapter } from "@connectrpc/connect-node";
import type { BoxkiteError } from "../domain/errors.ts";
import { loadConfig } from "./config-file.ts";
import { createTransport } from "./transport.ts";
import { ProjectService } from "../wire/gen/flyteidl2/project/project_service_pb.js";
import { RunService } from "../wire/gen/flyteidl2/workflow/run_service_pb.js";
import { makeAuthority } from "../../test/helpers/private-authority.ts";

async function listen(t: TestContext, server: Server): Promise<number> {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => {
    server.close();
    server.closeAllConnections();
  });
  return (server.address() as AddressInfo).port;
}

test("a gateway that refuses an expired token gets the next one, over TLS", async (t) => {
  const folder = await mkdtemp(join(tmpdir(), "boxkite-transport-"));
  t.after(() => rm(folder, { recursive: true, force: true }));
  const tokens = join(folder, "token");
  await writeFile(tokens, "old\n");
  const { caFile, certificate, key } = await makeAuthority(join(folder, "authority"));
  const seen: (string | undefined)[] = [];
  const service = connectNodeAdapter({
    routes: (router) =>
      router.service(RunService, {
        abortRun: () => ({}),
        watchRuns: async function* () {
          yield {};
        },
      }),
  });
  const gateway: RequestListener = (request, response) => {
    seen.push(request.headers.authorization);
    if (request.headers.authorization === "Bearer new") service(request, response);
    else response.writeHead(401, { "content-type": "text/html" }).end("<h1>sign in</h1>");
  };
  const secure = createServer({ cert: await readFile(certificate), key: await readFile(key) }, gateway);
  const options = {
    baseUrl: `https://127.0.0.1:${await listen(t, secure)}`,
    caCertFilePath: caFile,
    authType: "ExternalCommand",
    command: ["cat", tokens],
  };
  const client = createClient(RunService, createTransport(options));
  await assert.rejects(client.abortRun({}), /unauthenticated/);
  await writeFile(tokens, "new\n");
  // A stream is repeated, too.
  assert.equal((await Array.fromAsync(client.watchRuns({}))).length, 1);
  await client.abortRun({});
  assert.deepEqual(
    seen,
    ["old", "old", "old", "new", "new"].map((token) => `Bearer ${token}`),
  );
});

test("over plain HTTP no token is sent", async (t) => {
  const headers: (string | undefined)[] = [];
  const plain = createPlainServer((request, response) => {
    headers.push(request.headers.authorization);
    response.writeHead(404).end();
  });
  const origin = `http://127.0.0.1:${await listen(t, plain)}`;
  const transport = createTransport({
    baseUrl: origin,
    authType: "ExternalCommand",
    command: ["cat", "/not/there"],
  });
  await assert.rejects(createClient(RunService, transport).abortRun({}), /unimplemented/);
  assert.deepEqual(headers, [undefined]);
  const secure = { baseUrl: "https://127.0.0.1:1" };
  assert.throws(() => createTransport({ ...secure, authType: "Pkce" }), { code: "CONFIG_INVALID" });
  assert.throws(() => createTransport({ ...secure, authType: "ExternalCommand" }), {
    code: "CONFIG_INVALID",
  });
});

test("a server that cannot be reached is named, with what to do", async (t) => {
  const folder = await mkdtemp(join(tmpdir(), "boxkite-transport-"));
  t.after(() => rm(folder, { recursive: true, force: true }));
  const { certificate, key } = await makeAuthority(join(folder, "authority"));
  const secure = await listen(
    t,
    createServer({ cert: await readFile(certificate), key: await readFile(key) }),
  );
  const plain = await listen(t, createPlainServer());
  const hasHint = async (origin: string, hint: RegExp) => {
    const client = createClient(RunService, createTransport({ baseUrl: origin }));
    // Neither is repeated.
    for (const call of [client.listRuns({}), Array.fromAsync(client.watchRuns({}))]) {
      await assert.rejects(call, (error: BoxkiteError) => {
        assert.deepEqual([error.code, error.cause], ["SERVER_UNREACHABLE", undefined]);
        assert.ok(error.message.startsWith(`${origin} could not be reached: `), error.message);
        assert.match(error.hint ?? "", hint);
        return true;
      });
    }
  };
  await hasHint("http://127.0.0.1:1", /boxkite up.*admin\.endpoint/u);
  await hasHint(`https://127.0.0.1:${secure}`, /caCertFilePath/u);
  await hasHint(`https://127.0.0.1:${plain}`, /admin\.insecure: true/u);
});

test("the token of BOXKITE_TOKEN is sent over TLS and to this machine, and not over a network in plain text", async (t) => {
  const headers: (string | undefined)[] = [];
  const plain = createPlainServer((request, response) => {
    headers.push(request.headers.authorization);
    response.writeHead(404).end();
  });
  const baseUrl = `http://127.0.0.1:${await listen(t, plain)}`;
  const config = await loadConfig(undefined, { BOXKITE_TOKEN: "bkt_x" });
  const transport = createTransport({ ...config, baseUrl });
  await assert.rejects(createClient(RunService, transport).abortRun({}), /unimplemented/);
  assert.deepEqual(headers, ["Bearer bkt_x"]);
  createTransport({ ...config, baseUrl: "https://example.com" });
  assert.throws(() => createTransport({ ...config, baseUrl: "http://example.com" }), {
    code: "CONFIG_INVALID",
  });
});

test("a server elsewhere may compress its answers, one on this machine does not", async (t) => {
  const answers: [accepted: unknown, isShort: boolean][] = [];
  const name = "x".repeat(10_000);
  const handler = connectNodeAdapter({
    routes: ({ service }) =>
      service(ProjectService, { listProjects: () => ({ projects: { projects: [{ name }] } }) }),
  });
  const plain = createPlainServer((request, response) => {
    const { headers, socket } = request;
    const before = socket.bytesWritten;
    response.once("finish", () =>
      answers.push([headers["accept-encoding"], socket.bytesWritten - before < name.length]),
    );
    handler(request, response);
  });
  const baseUrl = `http://127.0.0.1:${await listen(t, plain)}`;
  for (const near of [{}, { isNear: false }]) {
    const client = createClient(ProjectService, createTransport({ baseUrl, ...near }));
    const { projects } = await client.listProjects({});
    assert.equal(projects?.projects[0]?.name, name);
  }
  assert.deepEqual(answers, [
    [undefined, false],
    ["gzip", true],
  ]);
});
