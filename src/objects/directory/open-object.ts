/** Objects held open, whether they are one file or many parts. */
import type { Readable } from "node:stream";
import type { OpenObject } from "../hosted-store.ts";
import { streamFile, streamSegments } from "./content.ts";
import { infoOf } from "./description.ts";
import type { Encryption } from "./encryption.ts";
import type { Description, OpenFile, Segments } from "./object-file.ts";

export function openSingle(file: OpenFile, encryption: Encryption): OpenObject {
  const { description } = file;
  let stream: Readable | undefined;
  return {
    info: infoOf(description),
    stream: (range = { start: 0, end: description.size - 1 }) =>
      (stream = streamFile(file, range, encryption)),
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
  return {
    info: infoOf(description),
    stream: (range = { start: 0, end: description.size - 1 }) => {
      const stream = streamSegments(segments, range, pathOf, encryption);
      // If the removal that waited for this reader fails, the next open does it.
      stream.once("close", () => void release().catch(() => {}));
      return stream;
    },
    close: release,
  };
}
