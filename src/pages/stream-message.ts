/** The messages of a run page's live connection, one per line; assets/run.js handles them. */
import type { ShownLine } from "./log-text.ts";
import type { TreeRow } from "./tree-row.ts";

export type StreamMessage =
  | { readonly type: "hello"; readonly now: number }
  /** Actions that changed; `cursor` goes into the next request. */
  | { readonly type: "actions"; readonly rows: readonly TreeRow[]; readonly cursor: number }
  | { readonly type: "section"; readonly id: string; readonly html: string }
  /** The sections of this action follow. */
  | { readonly type: "action"; readonly name: string; readonly hasLog: boolean }
  | {
      readonly type: "log";
      readonly attempt: number;
      /** Bytes of the log; where `start` is not the `end` before it, what was shown before is not next to it. */
      readonly start: number;
      readonly end: number;
      readonly lines: readonly ShownLine[];
    }
  /** Nothing changes any more. */
  | { readonly type: "end" };

export function encodeLine(message: StreamMessage): string {
  return `${JSON.stringify(message)}\n`;
}
