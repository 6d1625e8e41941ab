/** Responses that are streamed line by line: pulls and events. */
import { BoxkiteError } from "../domain/errors.ts";
import { type Raw, stringOf } from "./decode.ts";
import { readJsonLines } from "./json-lines.ts";
import type { EngineEvent, PullOptions } from "./types.ts";

/** A line with an error means failure, whatever the status; a broken stream throws by itself. */
export async function readPull(
  response: AsyncIterable<Buffer>,
  onProgress: PullOptions["onProgress"],
): Promise<void> {
  let failure: string | undefined;
  for await (const raw of readJsonLines(response)) {
    const line = raw as Raw;
    if (line.error !== undefined || line.errorDetail !== undefined) {
      failure = stringOf(
        (line.errorDetail as Raw | undefined)?.message ?? line.error,
        "the engine gave no reason",
      );
      continue;
    }
    const detail = line.progressDetail as Raw | undefined;
    onProgress?.({
      id: stringOf(line.id),
      status: stringOf(line.status),
      ...(typeof detail?.current === "number" && { current: detail.current }),
      ...(typeof detail?.total === "number" && { total: detail.total }),
    });
  }
  if (failure !== undefined) throw new BoxkiteError("ENGINE_FAILED", failure);
}

export async function* decodeEvents(response: AsyncIterable<Buffer>): AsyncGenerator<EngineEvent> {
  for await (const raw of readJsonLines(response)) {
    const line = raw as Raw;
    const actor = line.Actor as Raw | undefined;
    yield {
      action: stringOf(line.Action ?? line.status),
      containerId: stringOf(actor?.ID ?? line.id),
    };
  }
}
