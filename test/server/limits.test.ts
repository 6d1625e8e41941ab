/** The limits of docs/limits.md that a call meets: each refusal names its limit. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { ConnectError, createClient } from "@connectrpc/connect";
import { DataProxyService } from "../../src/wire/gen/flyteidl2/dataproxy/dataproxy_service_pb.js";
import { createFakeExecutor } from "../helpers/fake-executor.ts";
import { startInProcess } from "../helpers/in-process-server.ts";

test("limits of calls", async (t) => {
  const { transport, url } = await startInProcess(t, createFakeExecutor());
  const data = createClient(DataProxyService, transport);
  const project = { project: "flytesnacks", domain: "development" };

  await t.test("a message beyond 64 MiB, inline inputs included", async () => {
    const response = await fetch(`${url}/flyteidl2.dataproxy.DataProxyService/UploadInputs`, {
      method: "POST",
      headers: { "content-type": "application/proto" },
      body: Buffer.alloc(64 * 2 ** 20 + 1),
    });
    const { code, message } = (await response.json()) as { code: string; message: string };
    assert.equal(code, "resource_exhausted");
    assert.match(message, new RegExp(String(64 * 2 ** 20), "u"));
  });

  await t.test("a URL for longer than seven days", async () => {
    const ask = (seconds: number) =>
      data.createUploadLocation({
        ...project,
        filename: "f",
        filenameRoot: "root",
        expiresIn: { seconds: BigInt(seconds), nanos: 0 },
      });
    const week = 7 * 24 * 3_600;
    assert.notEqual((await ask(week)).signedUrl, "");
    const refused = await refusal(ask(week + 1));
    assert.equal(refused.metadata.get("boxkite-error-code"), "LIMIT_EXCEEDED");
    assert.match(refused.rawMessage, /at most 604800 s/u);
  });

  await t.test("the answer to a condition beyond 1 MiB", async () => {
    const address = `${url}/v2/domain/development/project/flytesnacks/runs/r/conditions/c`;
    const response = await fetch(address, { method: "POST", body: "x".repeat(2 * 2 ** 20) });
    assert.equal(response.status, 413);
    assert.match(await response.text(), /limit of 1 MiB/u);
  });
});

async function refusal(call: Promise<unknown>): Promise<ConnectError> {
  const [result] = await Promise.allSettled([call]);
  assert.equal(result.status, "rejected");
  return ConnectError.from((result as PromiseRejectedResult).reason);
}
