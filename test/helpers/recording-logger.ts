import { createLogger, type Logger } from "../../src/lib/log.ts";

/** `lines`: what was logged, with level, message and fields; without the time. */
export function recordingLogger(): { readonly log: Logger; readonly lines: Record<string, unknown>[] } {
  const lines: Record<string, unknown>[] = [];
  const write = (line: string) => {
    const { time: _, ...rest } = JSON.parse(line) as Record<string, unknown>;
    lines.push(rest);
  };
  return { log: createLogger({ format: "json", level: "debug", write }), lines };
}
