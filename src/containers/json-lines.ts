/** A stream of JSON values, one per line, as in pulls and events. */
const MAX_LINE_BYTES = 1024 * 1024;

export async function* readJsonLines(chunks: AsyncIterable<Buffer>): AsyncGenerator<unknown> {
  let rest: Buffer = Buffer.alloc(0);
  for await (const chunk of chunks) {
    rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    for (let end = rest.indexOf(10); end !== -1; end = rest.indexOf(10)) {
      const line = rest.subarray(0, end);
      rest = rest.subarray(end + 1);
      if (line.length > 1) yield JSON.parse(line.toString());
    }
    if (rest.length > MAX_LINE_BYTES)
      throw new Error(`a line of the stream is longer than ${MAX_LINE_BYTES} bytes`);
  }
  const last = rest.toString().trim();
  if (last !== "") yield JSON.parse(last);
}
