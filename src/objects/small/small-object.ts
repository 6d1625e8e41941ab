/** What is stored of a small object: the two pieces that the file of a larger one consists of. */
import type { ObjectBody } from "../hosted-store.ts";
import type { Sealing } from "../directory/encryption.ts";
import { encodeTrailer, type Description } from "../directory/object-file.ts";
import { ContentWriter, type WrittenContent } from "../directory/written-content.ts";

/** Up to which size an object is a row; docs/decisions/0018 has what was measured. */
export const MOST_SMALL_BYTES = 16 * 1024;

export interface SmallObject {
  readonly content: Uint8Array;
  readonly trailer: Uint8Array;
}

/** `describe` may throw to refuse the content. `sealing` encrypts it. */
export function encodeSmall(
  content: Uint8Array,
  describe: (written: WrittenContent) => Description,
  sealing?: Sealing,
): SmallObject {
  const writer = new ContentWriter(sealing);
  const stored = writer.add(content);
  const written = writer.end();
  return { content: stored, trailer: encodeTrailer(describe(written), written, sealing) };
}

/** The whole body in memory if it is small, else a body that begins with what was read of it. */
export async function collectSmall(
  body: ObjectBody,
): Promise<{ readonly small: Uint8Array } | { readonly large: ObjectBody }> {
  if (body instanceof Uint8Array)
    return body.length <= MOST_SMALL_BYTES ? { small: new Uint8Array(body) } : { large: body };
  const iterator = body[Symbol.asyncIterator]();
  const read: Uint8Array[] = [];
  let bytes = 0;
  while (bytes <= MOST_SMALL_BYTES) {
    const { done, value } = await iterator.next();
    if (done === true) return { small: Buffer.concat(read) };
    read.push(value);
    bytes += value.length;
  }
  return { large: beginningWith(read, iterator) };
}

async function* beginningWith(
  read: readonly Uint8Array[],
  iterator: AsyncIterator<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  let isOver = false;
  try {
    yield* read;
    for (;;) {
      const { done, value } = await iterator.next();
      if (done === true) break;
      yield value;
    }
    isOver = true;
  } finally {
    if (!isOver) await iterator.return?.();
  }
}
