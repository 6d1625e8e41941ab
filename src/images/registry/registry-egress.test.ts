/** Registries for callers that are not trusted: the registry, its token service and its storage pass the rule, each. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { test, type TestContext } from "node:test";
import { createEgressAllowance } from "../../lib/egress-allowance.ts";
import { createEgressRule } from "../../lib/egress.ts";
import { parseImageReference } from "../reference.ts";
import { createRegistryClients } from "./registry-clients.ts";

async function listen(t: TestContext, listener: RequestListener): Promise<number> {
  const server = createServer(listener).listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => {
    server.close();
    server.closeAllConnections();
  });
  return (server.address() as AddressInfo).port;
}

/** A service of the inside, which notes who asks it. */
async function startInside(t: TestContext) {
  const asked: string[] = [];
  const port = await listen(t, (request, response) => {
    asked.push(request.url ?? "");
    response.end("inside");
  });
  return { asked, port };
}

const clientsOf = (...allow: string[]) =>
  createRegistryClients({ env: {} }, createEgressRule({ allowance: createEgressAllowance(allow) }));
const denied = { code: "EGRESS_DENIED", hint: /egress: \{allow: \[/u };

test("an image at an address of this machine is not asked for, unless the caller is trusted", async (t) => {
  const { asked, port } = await startInside(t);
  const clientOf = clientsOf();
  for (const host of [`127.0.0.1:${port}`, `localhost:${port}`, `127.1:${port}`, "10.0.0.1:1"]) {
    const image = parseImageReference(`${host}/team/app:1`);
    await assert.rejects(clientOf(false).resolve(image), denied, host);
    await assert.rejects(clientOf(false).requireLayers(image), denied, host);
    await assert.rejects(clientOf(false).requireAllowed(image), denied, host);
  }
  assert.deepEqual(asked, []);
  const image = parseImageReference(`127.0.0.1:${port}/team/app:1`);
  await clientOf(true).requireAllowed(image);
  await assert.rejects(clientOf(true).resolve(image), { code: "REGISTRY_UNREACHABLE" });
  assert.deepEqual(asked, ["/v2/", "/v2/team/app/manifests/1"]);
  // A connection that is open for who is trusted is not used for the others.
  await assert.rejects(clientOf(false).resolve(image), denied);
  assert.equal(asked.length, 2);
});

test("a registry that is allowed cannot send the server to a token service or a storage of the inside", async (t) => {
  const { asked, port } = await startInside(t);
  const registry = await listen(t, (request, response) => {
    const realm = `Bearer realm="http://127.0.0.1:${port}/token"`;
    if (request.url === "/v2/") response.end("{}");
    else if (request.url?.includes("/locked/")) response.writeHead(401, { "WWW-Authenticate": realm }).end();
    else response.writeHead(307, { Location: `http://127.0.0.1:${port}/blob` }).end();
  });
  const clientOf = clientsOf(`localhost:${registry}`);
  for (const name of ["locked/app", "stored/app"]) {
    const image = parseImageReference(`localhost:${registry}/${name}:1`);
    await assert.rejects(clientOf(false).resolve(image), denied, name);
  }
  assert.deepEqual(asked, []);
});
