/**
 * Messages of a stream that are the same for many watchers: encoded once, and written past connect-es, which
 * would encode and frame them for each watcher. Connect, gRPC and gRPC-Web put the same five bytes in front of a message.
 */
import { setImmediate } from "node:timers/promises";
import { toBinary, type DescMessage, type MessageShape } from "@bufbuild/protobuf";
import { Code, ConnectError, createContextKey, type HandlerContext } from "@connectrpc/connect";

/** The response of one call, after its first message. Undefined where the client does not accept protobuf. */
export interface DirectStream {
  /** Bytes that were written and are not sent yet. */
  readonly waitingBytes: number;
  write(frames: Uint8Array): void;
  /** Resolves when the client has taken what was written, or the signal aborts. */
  drained(signal: AbortSignal): Promise<void>;
}

export const DIRECT_STREAM = createContextKey<DirectStream | undefined>(undefined, {
  description: "where frames are written",
});

/** A watch whose client leaves more than this unread is ended; opened again, it begins with the present state. */
export const MAX_WAITING_BYTES = 1024 * 1024;

/** The messages of one read, shared by all watches that asked for it. */
export interface Batch<D extends DescMessage> {
  readonly messages: readonly MessageShape<D>[];
  /** The messages with their frames; made when first asked for. */
  frames(): Uint8Array;
}

export function batchOf<D extends DescMessage>(schema: D, messages: readonly MessageShape<D>[]): Batch<D> {
  let made: Uint8Array | undefined;
  return { messages, frames: () => (made ??= encodeFrames(schema, messages)) };
}

/** A batch, as one watch sends it. */
export interface Delivery<D extends DescMessage> {
  readonly batch: Batch<D>;
  /** Part of what the watch has to catch up with, at its beginning or after a burst: the client sets the speed. */
  readonly isBacklog: boolean;
}

/** Sends what a watch yields to one client. Throws UNAVAILABLE, at which clients retry, for one that is too slow. */
export async function* deliver<D extends DescMessage>(
  deliveries: AsyncIterable<Delivery<D>>,
  { values, signal }: Pick<HandlerContext, "values" | "signal">,
): AsyncIterable<MessageShape<D>> {
  const direct = values.get(DIRECT_STREAM);
  let begun = false;
  for await (const { batch, isBacklog } of deliveries) {
    if (batch.messages.length === 0) continue;
    if (direct === undefined || !begun) {
      // The first messages go through connect-es, which sends the response's headers with them.
      yield* batch.messages;
      begun = true;
    } else {
      if (!isBacklog && direct.waitingBytes > MAX_WAITING_BYTES) throw tooSlow();
      direct.write(batch.frames());
      if (isBacklog) await direct.drained(signal);
    }
    // Neither the store nor a fast client makes a long backlog wait for anything: other calls are served in between.
    if (isBacklog) await setImmediate();
  }
}

function tooSlow(): ConnectError {
  return new ConnectError(
    `the client reads too slowly: more than ${MAX_WAITING_BYTES} bytes were waiting for it; watch again`,
    Code.Unavailable,
  );
}

const HEAD_BYTES = 5;

/** https://connectrpc.com/docs/protocol#streaming-rpcs: flags, 0 for a plain message, and the length. */
function encodeFrames<D extends DescMessage>(schema: D, messages: readonly MessageShape<D>[]): Uint8Array {
  const parts: Uint8Array[] = [];
  for (const message of messages) {
    const bytes = toBinary(schema, message);
    const head = Buffer.alloc(HEAD_BYTES);
    head.writeUInt32BE(bytes.length, 1);
    parts.push(head, bytes);
  }
  return Buffer.concat(parts);
}
