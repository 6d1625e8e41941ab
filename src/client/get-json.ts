/** Reads a JSON document of the server, beside the calls of the protocol. */
import { once } from "node:events";
import { request as httpRequest, type IncomingMessage } from "node:http";
import { request as httpsRequest } from "node:https";
import { BoxkiteError, messageOf } from "../domain/errors.ts";
import { isErrorCode } from "./server-error.ts";
import { trustOf, tokenSource, type ConnectionOptions } from "./transport.ts";
import { unreachable } from "./unreachable.ts";

const MAX_BYTES = 32 * 1024 * 1024;
const IDLE_MS = 60_000;

/** Throws what the server answers, or SERVER_UNREACHABLE. `path`: below the connection's base URL. */
export async function getJson(connection: ConnectionOptions, path: string): Promise<unknown> {
  const { baseUrl } = connection;
  const secure = baseUrl.startsWith("https:");
  const token = await tokenSource(connection)?.();
  const headers = {
    accept: "application/json",
    ...(token !== undefined && { authorization: `Bearer ${token}` }),
  };
  // Not fetch, which cannot be given an authority.
  const send = secure ? httpsRequest : httpRequest;
  const { origin } = new URL(baseUrl);
  try {
    const sent = send(baseUrl + path, { headers, timeout: IDLE_MS, ...(secure && trustOf(connection)) });
    sent.on("timeout", () => sent.destroy(new Error(`no answer for ${IDLE_MS / 1_000} s`)));
    const answered = once(sent, "response") as Promise<[IncomingMessage]>;
    sent.end();
    const [answer] = await answered;
    const text = await readText(answer);
    if (answer.statusCode === 200) return JSON.parse(text) as unknown;
    throw refusal(answer.statusCode ?? 0, text, origin);
  } catch (error) {
    if (error instanceof BoxkiteError) throw error;
    throw (
      unreachable(error, messageOf(error), origin) ??
      new BoxkiteError("SERVER_UNREACHABLE", `${origin} gave no answer: ${messageOf(error)}`, {
        hint: "try again; is admin.endpoint of the configuration a Boxkite server?",
        cause: error,
      })
    );
  }
}

async function readText(answer: IncomingMessage): Promise<string> {
  const parts: Buffer[] = [];
  let bytes = 0;
  for await (const part of answer as AsyncIterable<Buffer>) {
    bytes += part.length;
    if (bytes > MAX_BYTES) throw new Error(`the answer has more than ${MAX_BYTES / 1024 / 1024} MiB`);
    parts.push(part);
  }
  return Buffer.concat(parts).toString();
}

const SHOWN = 200;

/** The error that the server sent, or what else it said. */
function refusal(status: number, text: string, origin: string): BoxkiteError {
  const { code, message, hint } = errorIn(text);
  if (isErrorCode(code) && typeof message === "string")
    return new BoxkiteError(code, message, { hint: typeof hint === "string" ? hint : undefined });
  const said = typeof message === "string" ? message : text.slice(0, SHOWN).trim();
  return new BoxkiteError("SERVER_UNREACHABLE", `${origin} answered HTTP ${status}: ${said}`, {
    hint: "is admin.endpoint of the configuration a Boxkite server of this version?",
  });
}

function errorIn(text: string): Record<string, unknown> {
  try {
    const { error } = JSON.parse(text) as { readonly error?: unknown };
    return typeof error === "object" && error !== null ? (error as Record<string, unknown>) : {};
  } catch {
    // Not a document of Boxkite: the text is shown as it is.
    return {};
  }
}
