/** One line of a log file: `<milliseconds> <o|e|s> <text>`. */
export type LogStreamName = "stdout" | "stderr" | "system";

export interface LogLine {
  readonly atMs: number;
  readonly stream: LogStreamName;
  readonly text: string;
}

const CODES = { stdout: "o", stderr: "e", system: "s" } as const;
const NAMES: Readonly<Record<string, LogStreamName>> = { o: "stdout", e: "stderr", s: "system" };

export function formatLine({ atMs, stream, text }: LogLine): string {
  return `${Math.trunc(atMs)} ${CODES[stream]} ${text.replaceAll("\n", "\\n")}\n`;
}

/** Of a line without its line feed. Undefined for one that a crash cut off, that is empty, or that no Date can be of. */
export function parseLine(text: string): LogLine | undefined {
  const match = /^(\d{1,15}) ([oes]) (.*)$/su.exec(text);
  if (!match) return undefined;
  return {
    atMs: Number(match[1]),
    stream: NAMES[match[2] as string] as LogStreamName,
    text: match[3] as string,
  };
}
