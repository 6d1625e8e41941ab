import { once } from "node:events";
import type { ServerResponse } from "node:http";
import { connect, constants, createServer } from "node:http2";
import type { AddressInfo } from "node:net";
import { Readable } from "node:stream";
import { test } from "node:test";
import type { HostedStore, StoredObject } from "../hosted-store.ts";
import type { Call } from "./call.ts";
import { getObject } from "./get-object.ts";

const CANCEL = constants.NGHTTP2_CANCEL;
const INFO: StoredObject = { key: "k", size: 1e9, etag: '"x"', modifiedAt: 0 };

/** Content without an end. */
function endless(): Readable {
  return new Readable({
    read() {
      this.push(Buffer.alloc(16_384));
    },
  });
}

for (const when of ["before the object is open", "while it is sent"] as const) {
  test(`an object is closed whose client of HTTP/2 goes away ${when}`, async (t) => {
    const content = endless();
    const closed = once(content, "close");
    const server = createServer((request, response) => {
      const gone = once(response, "close");
      if (when === "before the object is open") request.stream.close(CANCEL);
      const store: Pick<HostedStore, "open"> = {
        open: async () => {
          if (when === "before the object is open") await gone;
          return {
            info: INFO,
            stream: () => content,
            content: async () => Buffer.alloc(0),
            close: async () => void content.destroy(),
          };
        },
      };
      const call = {
        request: { key: "k", query: [], headers: {}, parameter: () => undefined, header: () => undefined },
        response: response as unknown as ServerResponse,
        store,
        authenticated: { principal: { name: "me", allows: async () => true } },
      };
      getObject(call as unknown as Call).catch(() => {});
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    const session = connect(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
    t.after(() => {
      session.destroy();
      server.close();
    });
    const stream = session.request({ ":path": "/boxkite/k" }).on("error", () => {});
    stream.once("data", () => stream.close(CANCEL));
    await closed;
  });
}
