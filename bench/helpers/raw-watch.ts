/** Watches that count what they are told without decoding it, so that many of them cost the benchmark little. */
import { once } from "node:events";
import { request, type IncomingMessage } from "node:http";
import { create, toBinary } from "@bufbuild/protobuf";
import { WatchForUpdatesRequestSchema } from "../../src/wire/gen/flyteidl2/actions/actions_service_pb.js";
import { actionId, ROOT } from "./requests.ts";

export interface RawWatch {
  /** Messages so far, the sentinel included. */
  readonly count: number;
  /** Resolves when that many messages have come. */
  reached(count: number): Promise<void>;
  close(): void;
}

/** Flags and length in front of each message of a stream: https://connectrpc.com/docs/protocol#streaming-rpcs. */
const HEAD_BYTES = 5;

/** Watches the root's children; resolves with its first message. */
export async function watchRaw(port: number, run: string): Promise<RawWatch> {
  const message = toBinary(
    WatchForUpdatesRequestSchema,
    create(WatchForUpdatesRequestSchema, {
      filter: { case: "parentActionId", value: actionId(run, ROOT) },
    }),
  );
  const head = Buffer.alloc(HEAD_BYTES);
  head.writeUInt32BE(message.length, 1);
  const sent = request({
    port,
    host: "127.0.0.1",
    method: "POST",
    path: "/flyteidl2.actions.ActionsService/WatchForUpdates",
    headers: { "content-type": "application/connect+proto" },
    agent: false,
  });
  sent.end(Buffer.concat([head, message]));
  const [response] = (await once(sent, "response")) as [IncomingMessage];
  let count = 0;
  let rest: Buffer = Buffer.alloc(0);
  const waiting = new Map<number, () => void>();
  response.on("error", () => {});
  response.on("data", (chunk: Buffer) => {
    let bytes: Buffer = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    while (bytes.length >= HEAD_BYTES && bytes.length >= HEAD_BYTES + bytes.readUInt32BE(1)) {
      bytes = bytes.subarray(HEAD_BYTES + bytes.readUInt32BE(1));
      waiting.get(++count)?.();
    }
    rest = bytes;
  });
  const watch: RawWatch = {
    get count() {
      return count;
    },
    reached: (wanted) =>
      count >= wanted ? Promise.resolve() : new Promise((resolve) => void waiting.set(wanted, resolve)),
    close: () => sent.destroy(),
  };
  await watch.reached(1);
  return watch;
}
