/** Notifications of the end of a run: HTTP requests with variables that are filled in at its end. */
import type { RunKey } from "./ids.ts";
import { ownValue } from "./own-value.ts";
import type { TerminalPhase } from "./phase.ts";

export interface HttpRequest {
  readonly method: string;
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

export interface Notification {
  /** Sent when the run ends in one of these. */
  readonly phases: readonly TerminalPhase[];
  readonly request: HttpRequest;
}

export interface RunEnd {
  readonly run: RunKey;
  readonly phase: string;
  /** Empty where nothing went wrong. */
  readonly error: string;
}

/** The variables that flyte.notify documents. */
const VARIABLES: Readonly<Record<string, (end: RunEnd) => string>> = {
  "Run.Project": ({ run }) => run.project,
  "Run.Domain": ({ run }) => run.domain,
  "Run.Name": ({ run }) => run.run,
  Phase: ({ phase }) => phase,
  Error: ({ error }) => error,
};
const VARIABLE = /\{\{\s*\.([A-Za-z.]+)\s*\}\}/gu;

/** Each value is escaped for its position, so that quotes in an error do not break the body. */
export function fillRequest({ method, url, headers, body }: HttpRequest, end: RunEnd): HttpRequest {
  const inHeader = (text: string) =>
    fill(text, end, (value) => value.replaceAll(/[^\t\u0020-\u007e]+/gu, " "));
  return {
    method,
    url: fill(url, end, encodeURIComponent),
    headers: Object.fromEntries(Object.entries(headers).map(([name, text]) => [name, inHeader(text)])),
    body: fillBody(body, end),
  };
}

function fillBody(body: string, end: RunEnd): string {
  const asText = (text: string) => fill(text, end, (value) => value);
  let parsed: unknown;
  try {
    parsed = JSON.parse(body);
  } catch {
    return asText(body);
  }
  return JSON.stringify(parsed, (_, value: unknown) => (typeof value === "string" ? asText(value) : value));
}

/** An unknown variable stays as it is: it may be the receiver's own. */
function fill(text: string, end: RunEnd, write: (value: string) => string): string {
  return text.replaceAll(VARIABLE, (whole, name: string) => {
    const value = ownValue(VARIABLES, name)?.(end);
    return value === undefined ? whole : write(value);
  });
}
