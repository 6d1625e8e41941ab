import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { createServer, type RequestListener, type Server } from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { AddressInfo } from "node:net";
import { test, type TestContext } from "node:test";
import { makeAuthority } from "../../../test/helpers/private-authority.ts";
import { temporaryDirectory } from "../../../test/helpers/server.ts";
import { createEgressAllowance } from "../../lib/egress-allowance.ts";
import { createEgressRule } from "../../lib/egress.ts";
import { createTransport } from "./transport.ts";

const ENV: NodeJS.ProcessEnv = {};
const signal = () => AbortSignal.timeout(20_000);

async function listen(t: TestContext, server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.after(() => {
    server.close();
    server.closeAllConnections();
  });
  return (server.address() as AddressInfo).port;
}

test("an authority of the settings is trusted, for this transport only", async (t) => {
  const authority = await makeAuthority(await temporaryDirectory(t));
  const [cert, key] = await Promise.all([readFile(authority.certificate), readFile(authority.key)]);
  const server = createTlsServer({ cert, key }, (_request, response) => response.end("trusted"));
  const url = `https://localhost:${await listen(t, server)}/v2/`;
  const trusting = createTransport({ env: ENV, caFile: authority.caFile });
  assert.equal(await (await trusting(new Request(url), signal())).text(), "trusted");
  await assert.rejects(createTransport({ env: ENV })(new Request(url), signal()), {
    code: "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
  });
});

test("the proxy of the environment is asked, but not for this machine or what NO_PROXY names", async (t) => {
  const seen: string[] = [];
  const proxy = await listen(
    t,
    createServer((request, response) => {
      seen.push(request.url ?? "");
      response.end("by proxy");
    }),
  );
  const here = await listen(
    t,
    createServer((_request, response) => response.end("directly")),
  );
  const env = { http_proxy: `http://127.0.0.1:${proxy}`, no_proxy: "excepted.invalid" };
  const transport = createTransport({ env });
  const ask = async (url: string) => (await transport(new Request(url), signal())).text();
  assert.equal(await ask("http://registry.invalid/v2/"), "by proxy");
  assert.equal(await ask(`http://localhost:${here}/v2/`), "directly");
  await assert.rejects(ask("http://excepted.invalid/v2/"), { code: /ENOTFOUND|EAI_AGAIN/ });
  assert.deepEqual(seen, ["http://registry.invalid/v2/"]);
});

test("a redirect is followed, and takes the authorization along within the same origin only", async (t) => {
  const authorizations: (string | undefined)[] = [];
  const record: RequestListener = (request, response) => {
    authorizations.push(request.headers.authorization);
    response.end("blob");
  };
  const storage = await listen(t, createServer(record));
  const registry = await listen(
    t,
    createServer((request, response) => {
      if (request.url === "/here") {
        record(request, response);
        return;
      }
      const to = request.url === "/away" ? `http://127.0.0.1:${storage}/blob` : "/here";
      response.writeHead(307, { Location: to }).end();
    }),
  );
  const transport = createTransport({ env: ENV });
  const headers = { Authorization: "Bearer secret" };
  for (const path of ["/away", "/stay"]) {
    const request = new Request(`http://127.0.0.1:${registry}${path}`, { headers });
    assert.equal(await (await transport(request, signal())).text(), "blob");
  }
  assert.deepEqual(authorizations, [undefined, "Bearer secret"]);
});

test("silence ends with the reason of the signal", async (t) => {
  const port = await listen(
    t,
    createServer(() => {}),
  );
  const transport = createTransport({ env: ENV });
  await assert.rejects(transport(new Request(`http://127.0.0.1:${port}/`), AbortSignal.timeout(100)), {
    name: "TimeoutError",
  });
});

test("a rule holds for every host that is redirected to, and behind a proxy too", async (t) => {
  const seen: string[] = [];
  const inside = await listen(
    t,
    createServer((request, response) => {
      seen.push(request.url ?? "");
      response.end("secret");
    }),
  );
  const registry = await listen(
    t,
    createServer((request, response) => {
      response.writeHead(307, { Location: `http://${request.url?.slice(1)}:${inside}/blob` }).end();
    }),
  );
  const egress = createEgressRule({ allowance: createEgressAllowance([`localhost:${registry}`]) });
  const denied = { code: "EGRESS_DENIED" };
  const direct = createTransport({ env: ENV, egress });
  for (const host of ["127.0.0.1", "localhost", "2130706433", "[::ffff:127.0.0.1]"]) {
    const request = new Request(`http://localhost:${registry}/${host}`);
    await assert.rejects(direct(request, signal()), denied, host);
  }
  const proxied = createTransport({ env: { HTTP_PROXY: `http://127.0.0.1:${inside}` }, egress });
  for (const host of ["10.0.0.1", "[fd00::1]", "169.254.169.254"])
    await assert.rejects(proxied(new Request(`http://${host}/v2/`), signal()), denied, host);
  assert.deepEqual(seen, []);
  await proxied(new Request("http://unknown.invalid/v2/"), signal());
  assert.deepEqual(seen, ["http://unknown.invalid/v2/"]);
});
