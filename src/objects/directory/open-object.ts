/** Objects held open, whether they are one file or many parts. */
import type { Readable } from "node:stream";
import { buffer } from "node:stream/consumers";
import type { OpenObject } from "../hosted-store.ts";
import { readFile, streamFile, streamSegments } from "./content.ts";
import { infoOf } from "./description.ts";
import type { Encryption } from "./encryption.ts";
import type { Description, OpenFile, Segments } from "./object-file.ts";

export function openSingle(file: OpenFile, encryption: Encryption): OpenObject {
  const { description } = file;
  const whole = { start: 0, end: description.size - 1 };
  let stream: Readable | undefined;
  return {
    info: infoOf(description),
    stream: (range = whole) => (stream = streamFile(file, range, encryption)),
    content: (range = whole) => readFile(file, range, encryption),
    close: async () => {
      // A stream closes the file itself, after the current read.
      if (stream === undefined) await file.handle.close();
      else stream.destroy();
    },
  };
}

export interface HeldSegments {
  readonly segments: Segments;
  readonly pathOf: (part: number) => string;
  /** Lets the parts go. */
  readonly release: () => Promise<void>;
}

export function openSegments(
  description: Description,
  { segments, pathOf, release }: HeldSegments,
  encryption: Encryption,
): OpenObject {
  const stream: OpenObject["stream"] = (range = { start: 0, end: description.size - 1 }) => {
    const opened = streamSegments(segments, range, pathOf, encryption);
    // If the removal that waited for this reader fails, the next open does it.
    opened.once("close", () => void release().catch(() => {}));
    return opened;
  };
  return {
    info: infoOf(description),
    stream,
    content: (range) => buffer(stream(range)),
    close: release,
  };
}
