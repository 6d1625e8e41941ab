/**
 * One structured logger: a static message and fields. JSON lines, or one readable line on a terminal.
 * Everything is written to standard error; standard output is for the result of a command.
 */
export type LogLevel = "debug" | "info" | "warn" | "error";
export type LogFields = Readonly<Record<string, unknown>>;

export interface Logger {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
  /** A logger that adds these fields to every line. */
  child(fields: LogFields): Logger;
}

const ORDER: Record<LogLevel, number> = { debug: 0, info: 1, warn: 2, error: 3 };

export interface LoggerOptions {
  readonly level?: LogLevel;
  readonly format?: "json" | "text";
  readonly write?: (line: string) => void;
}

export function createLogger(options: LoggerOptions = {}, bound: LogFields = {}): Logger {
  const { level = "info", format = "text", write = (line) => process.stderr.write(line) } = options;
  const emit = (at: LogLevel, message: string, fields: LogFields = {}) => {
    if (ORDER[at] < ORDER[level]) return;
    const all = { ...bound, ...fields };
    write(format === "json" ? jsonLine(at, message, all) : textLine(at, message, all));
  };
  return {
    debug: (message, fields) => emit("debug", message, fields),
    info: (message, fields) => emit("info", message, fields),
    warn: (message, fields) => emit("warn", message, fields),
    error: (message, fields) => emit("error", message, fields),
    child: (fields) => createLogger(options, { ...bound, ...fields }),
  };
}

/** For tests and for callers that want no log. */
export const silentLogger: Logger = createLogger({ write: () => {} });

function jsonLine(level: LogLevel, message: string, fields: LogFields): string {
  return `${JSON.stringify({ time: new Date().toISOString(), level, message, ...plain(fields) })}\n`;
}

function textLine(level: LogLevel, message: string, fields: LogFields): string {
  const pairs = Object.entries(plain(fields)).map(
    ([key, value]) => `${key}=${typeof value === "string" ? value : JSON.stringify(value)}`,
  );
  const time = new Date().toISOString().slice(11, 23);
  return `${withoutControls([time, level.padEnd(5), message, ...pairs].join(" "))}\n`;
}

/** Names and errors may come from callers: written as they are, they could pretend to be lines of the log. */
function withoutControls(text: string): string {
  return text.replaceAll(/\p{Cc}/gu, (character) =>
    character < " "
      ? JSON.stringify(character).slice(1, -1)
      : `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

/** Of errors the messages of the cause chain are printed, nothing else. */
function plain(fields: LogFields): Record<string, unknown> {
  return Object.fromEntries(Object.entries(fields).map(([key, value]) => [key, readable(value)]));
}

function readable(value: unknown): unknown {
  if (!(value instanceof Error)) return value;
  const cause = value.cause === undefined ? "" : ` (cause: ${String(readable(value.cause))})`;
  return `${value.message}${cause}`;
}
