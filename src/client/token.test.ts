import assert from "node:assert/strict";
import { test } from "node:test";
import { Code, ConnectError, createClient, createRouterTransport } from "@connectrpc/connect";
import { connectCodeOf, withServerErrors } from "./server-error.ts";
import { runTokenCommand, tokenInterceptor } from "./token.ts";
import { RunService } from "../wire/gen/flyteidl2/workflow/run_service_pb.js";

/** A server that accepts one token at a time, and a command that prints the tokens t1, t2 …. */
function setUp(newToken?: () => Promise<string>) {
  const state = { accepted: "Bearer t1", commands: 0, calls: 0 };
  const authenticate = (header: Headers): void => {
    state.calls += 1;
    if (header.get("authorization") !== state.accepted)
      throw new ConnectError("the token has expired", Code.Unauthenticated);
  };
  const command = async (): Promise<string> => `t${++state.commands}`;
  const transport = createRouterTransport(
    ({ service }) => {
      service(RunService, {
        abortRun: (_, { requestHeader }) => {
          authenticate(requestHeader);
          return {};
        },
        watchRuns: async function* (request, { requestHeader }) {
          authenticate(requestHeader);
          assert.equal(request.target.case, "org");
          yield {};
          yield {};
        },
      });
    },
    { transport: { interceptors: [tokenInterceptor(newToken ?? command)] } },
  );
  return { state, client: createClient(RunService, withServerErrors(transport, "http://localhost:30080")) };
}

const WATCHED = { target: { case: "org", value: "o" } } as const;

test("a token is kept until the server refuses it; then the call is repeated with a new one", async () => {
  const { state, client } = setUp();
  await client.abortRun({});
  await client.abortRun({});
  assert.deepEqual([state.commands, state.calls], [1, 2]);
  state.accepted = "Bearer t2";
  await client.abortRun({});
  assert.deepEqual([state.commands, state.calls], [2, 4]);
});

test("a stream that is refused is opened again, with the same request", async () => {
  const { state, client } = setUp();
  state.accepted = "Bearer t2";
  assert.equal((await Array.fromAsync(client.watchRuns(WATCHED))).length, 2);
  assert.deepEqual([state.commands, state.calls], [2, 2]);
  for await (const _ of client.watchRuns(WATCHED)) break;
  assert.equal(state.commands, 2);
});

test("calls that are refused together share one run of the command", async () => {
  const { state, client } = setUp();
  await client.abortRun({});
  state.accepted = "Bearer t2";
  await Promise.all([
    ...Array.from({ length: 10 }, () => client.abortRun({})),
    Array.fromAsync(client.watchRuns(WATCHED)),
  ]);
  assert.equal(state.commands, 2);
});

test("a call is repeated once only, and only if it is unauthenticated", async () => {
  const { state, client } = setUp();
  state.accepted = "nobody";
  const refused = (error: unknown) => connectCodeOf(error) === Code.Unauthenticated;
  await assert.rejects(client.abortRun({}), refused);
  await assert.rejects(Array.fromAsync(client.watchRuns(WATCHED)), refused);
  assert.deepEqual([state.commands, state.calls], [3, 4]);
  const unknown = (error: unknown) => connectCodeOf(error) === Code.Unimplemented;
  await assert.rejects(client.getRunDetails({}), unknown);
  assert.equal(state.commands, 3);
});

test("a command that fails says so, and is run again for the next call", async () => {
  let runs = 0;
  const broken = "console.error('not signed in'); process.exit(1)";
  const { client } = setUp(async () => {
    runs += 1;
    return runTokenCommand([process.execPath, "-e", runs === 1 ? broken : "console.log('t1')"]);
  });
  await assert.rejects(client.abortRun({}), { code: "CONFIG_INVALID", message: /failed: not signed in$/ });
  await client.abortRun({});
  assert.equal(runs, 2);
  await assert.rejects(runTokenCommand([process.execPath, "-e", ""]), { message: /printed nothing$/ });
  await assert.rejects(runTokenCommand(["/not/there"]), { code: "CONFIG_INVALID", message: /ENOENT/ });
});
