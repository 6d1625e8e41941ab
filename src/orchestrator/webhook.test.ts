import assert from "node:assert/strict";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { test, type TestContext } from "node:test";
import { createEgressRule } from "../lib/egress.ts";
import { sendRequest } from "./webhook.ts";

const request = (url: string) => ({ method: "POST", url, headers: {}, body: "{}" });

/** Takes /hook, hangs up on /closes, and sends everybody else to a page that answers. */
async function startReceiver(t: TestContext): Promise<string> {
  const server = createServer((asked, response) => {
    if (asked.url?.startsWith("/closes") === true) return void asked.socket.destroy();
    const taken = asked.url === "/hook" || asked.url === "/login";
    response.writeHead(taken ? 200 : 302, taken ? {} : { location: "/login" }).end();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

test("what was redirected was not taken", async (t) => {
  const receiver = await startReceiver(t);
  await sendRequest(request(`${receiver}/hook`), undefined);
  await assert.rejects(sendRequest(request(`${receiver}/secret`), undefined), {
    message: `${receiver} answered 302`,
  });
});

test("an error names the receiver and the reason, and nothing that may be secret", async (t) => {
  const receiver = await startReceiver(t);
  const failure = async (url: string, headers: Record<string, string> = {}) => {
    const [result] = await Promise.allSettled([sendRequest({ ...request(url), headers }, undefined)]);
    assert.equal(result.status, "rejected");
    return String((result as PromiseRejectedResult).reason);
  };
  assert.equal(
    await failure(`${receiver}/closes/secret`),
    `Error: ${receiver} did not take it: socket hang up`,
  );
  // Of an older server, which accepted them.
  for (const told of [
    await failure(receiver.replace("//", "//me:secret@")),
    await failure("secret"),
    await failure(receiver, { "x-key": "secret\n\u0001" }),
  ])
    assert.doesNotMatch(told, /secret/u);
});

test("with a rule, a receiver at a denied address gets nothing, whether by address or by name", async (t) => {
  const receiver = await startReceiver(t);
  const named = receiver.replace("127.0.0.1", "localhost");
  for (const url of [receiver, named, receiver.replace("127.0.0.1", "0x7f.1")])
    await assert.rejects(sendRequest(request(`${url}/hook`), createEgressRule()), { code: "EGRESS_DENIED" });
  await sendRequest(request(`${named}/hook`), undefined);
});
