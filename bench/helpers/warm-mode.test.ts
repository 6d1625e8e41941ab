import assert from "node:assert/strict";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { test } from "node:test";
import { DOCUMENT_VERSION } from "../../src/domain/run-document.ts";
import type { BenchServer } from "./server.ts";
import { MEASURED_GROUP } from "./warm-flow.ts";
import { requireMode } from "./warm-mode.ts";

/** Children by their name: the group, and how they were started. */
type Children = Readonly<Record<string, readonly [group: string, mode?: string]>>;

async function withServer(children: Children, work: (server: BenchServer) => Promise<void>): Promise<void> {
  const http = createServer((request, response) => {
    const name = new URL(request.url ?? "", "http://server").searchParams.get("i") ?? "";
    const mode = children[name]?.[1];
    const attempts = [{ provenance: mode === undefined ? {} : { warm: { mode } } }];
    response.end(JSON.stringify({ version: DOCUMENT_VERSION, action: { attempts } }));
  });
  await new Promise<void>((resolve) => http.listen(0, "127.0.0.1", resolve));
  const actions = Object.entries(children).map(([name, [group]]) => ({ id: { name }, metadata: { group } }));
  const { port } = http.address() as AddressInfo;
  const clients = { runs: { listActions: async () => ({ actions, token: "" }) } };
  try {
    await work({ port, clients } as unknown as BenchServer);
  } finally {
    http.closeAllConnections();
    http.close();
  }
}

test("children that warm the pool may start cold, and measured ones may not", async () => {
  const children = { a0: [""], w: [""], x: [MEASURED_GROUP, "fork"], y: [MEASURED_GROUP, "fork"] } as const;
  await withServer(children, async (server) => assert.equal(await requireMode(server, "r", "fork"), 1));
  await withServer({ ...children, z: [MEASURED_GROUP] }, async (server) => {
    await assert.rejects(requireMode(server, "r", "fork"), /measured children .* were: 2 fork, 1 cold/u);
    assert.equal(await requireMode(server, "r", "fork", 0.5), 2 / 3);
  });
});

test("a run without measured children proves nothing", async () => {
  await withServer({ a0: [""], w: ["", "fork"] }, async (server) => {
    await assert.rejects(requireMode(server, "r", "fork"), /were: none/u);
    await assert.rejects(requireMode(server, "r", "cold", 0), /were: none/u);
  });
});
