import assert from "node:assert/strict";
import { test } from "node:test";
import { Code, ConnectError, createClient, createRouterTransport } from "@connectrpc/connect";
import { connectCodeOf, withServerErrors } from "./server-error.ts";
import { BoxkiteError } from "../domain/errors.ts";
import { RunService } from "../wire/gen/flyteidl2/workflow/run_service_pb.js";

function clientThatGets(error: ConnectError) {
  const transport = createRouterTransport(({ service }) => {
    service(RunService, {
      abortRun: () => {
        throw error;
      },
      // oxlint-disable-next-line require-yield -- the stream ends with the error
      watchRuns: async function* () {
        throw error;
      },
    });
  });
  return createClient(RunService, withServerErrors(transport, "http://localhost:30080"));
}

async function thrownBy(error: ConnectError): Promise<unknown[]> {
  const client = clientThatGets(error);
  const thrown = (call: Promise<unknown>): Promise<unknown> =>
    call.then(
      () => assert.fail("the call succeeded"),
      (caught: unknown) => caught,
    );
  return [await thrown(client.abortRun({})), await thrown(Array.fromAsync(client.watchRuns({})))];
}

test("the server's code and hint arrive, in single answers and in streams", async () => {
  const headers = {
    "boxkite-error-code": "RUN_NOT_FOUND",
    "boxkite-error-hint": encodeURIComponent("`flyte get run` lists them – all"),
  };
  const text = "there is no run x";
  for (const message of [text, `${text}; hint: \`flyte get run\` lists them – all`]) {
    for (const error of await thrownBy(new ConnectError(message, Code.NotFound, headers))) {
      assert.ok(error instanceof BoxkiteError);
      assert.deepEqual(
        [error.code, error.kind, error.message, error.hint],
        ["RUN_NOT_FOUND", "user", text, "`flyte get run` lists them – all"],
      );
      assert.equal(connectCodeOf(error), Code.NotFound);
    }
  }
});

test("a server that sends no hint of its own has it in the message", async () => {
  const sent = new ConnectError("taken; hint: choose another", Code.AlreadyExists, {
    "boxkite-error-code": "RUN_EXISTS",
  });
  for (const error of await thrownBy(sent)) {
    assert.ok(error instanceof BoxkiteError);
    assert.deepEqual([error.message, error.hint], ["taken", "choose another"]);
  }
});

test("a hint that is not encoded is shown as it came", async () => {
  const headers = { "boxkite-error-code": "RUN_EXISTS", "boxkite-error-hint": "100 % sure" };
  for (const error of await thrownBy(new ConnectError("taken", Code.AlreadyExists, headers)))
    assert.equal((error as BoxkiteError).hint, "100 % sure");
});

test("a code of a newer server, or none, leaves Connect's error as it is", async () => {
  for (const headers of [
    { "boxkite-error-code": "FROM_THE_FUTURE" },
    { "boxkite-error-code": "toString" },
    {},
  ]) {
    for (const error of await thrownBy(new ConnectError("x", Code.ResourceExhausted, headers))) {
      assert.ok(error instanceof ConnectError);
      assert.equal(connectCodeOf(error), Code.ResourceExhausted);
    }
  }
});
