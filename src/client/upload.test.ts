import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { buffer } from "node:stream/consumers";
import { test } from "node:test";
import { createRouterTransport } from "@connectrpc/connect";
import { createControlPlane } from "./control-plane.ts";
import { uploadFile } from "./upload.ts";
import { systemClock } from "../lib/clock.ts";
import { DataProxyService } from "../wire/gen/flyteidl2/dataproxy/dataproxy_service_pb.js";

test("an upload whose connection is lost, or that the server cannot take now, is repeated", async (t) => {
  const answers = ["lost", 503, 200, 403, "lost", "lost", "lost", "lost"];
  const server = createServer((request, response) => {
    const answer = answers.shift();
    if (typeof answer !== "number") return void request.socket.destroy();
    void buffer(request).then((body) => response.writeHead(answer).end(`${answer} ${body.length}`));
  });
  await once(server.listen(0, "127.0.0.1"), "listening");
  t.after(() => server.close());
  const signedUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}/put`;
  const transport = createRouterTransport((router) =>
    router.rpc(DataProxyService.method.createUploadLocation, () => ({ signedUrl, nativeUrl: "s3://b/file" })),
  );
  const waits: number[] = [];
  const clock = { ...systemClock, sleep: async (ms: number) => void waits.push(ms) };
  const target = { org: "", project: "p", domain: "d" };
  const upload = () =>
    uploadFile(createControlPlane("", transport), target, "file", new Uint8Array([1, 2, 3]), clock);
  assert.equal((await upload()).uri, "s3://b/file");
  assert.deepEqual(waits, [1000, 2000]);
  await assert.rejects(upload(), /the upload of file failed: HTTP 403 403 3/);
  assert.equal(waits.length, 2);
  await assert.rejects(upload(), /the upload of file failed: .*(socket|closed|reset)/i);
  assert.equal(waits.length, 5);
});
