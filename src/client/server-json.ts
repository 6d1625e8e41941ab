/** What a command asks of the server beside the calls of the protocol, in JSON. */
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
  return await ask(connection, { method: "GET", path });
}

/** Throws as `getJson`. */
export async function sendJson(
  connection: ConnectionOptions,
  method: "POST" | "DELETE",
  path: string,
  body?: object,
): Promise<unknown> {
  return await ask(connection, { method, path, body });
}

/** What a link of the server opens, which has the right in it. Throws SERVER_UNREACHABLE, and OBJECT_NOT_FOUND where it opens nothing. */
export async function download(connection: ConnectionOptions, url: string): Promise<IncomingMessage> {
  const { origin, pathname } = new URL(url);
  const answer = await orUnreachable(origin, () => send(connection, url, { method: "GET", headers: {} }));
  if (answer.statusCode === 200) return answer;
  answer.destroy();
  throw new BoxkiteError("OBJECT_NOT_FOUND", `${pathname} cannot be read: HTTP ${answer.statusCode}`);
}

interface Question {
  readonly method: "GET" | "POST" | "DELETE";
  readonly path: string;
  readonly body?: object | undefined;
}

async function ask(connection: ConnectionOptions, { method, path, body }: Question): Promise<unknown> {
  const { baseUrl } = connection;
  const { origin } = new URL(baseUrl);
  const token = await tokenSource(connection)?.();
  const headers = {
    accept: "application/json",
    ...(body !== undefined && { "content-type": "application/json" }),
    ...(token !== undefined && { authorization: `Bearer ${token}` }),
  };
  return await orUnreachable(origin, async () => {
    const answer = await send(connection, baseUrl + path, { method, headers, body });
    const text = await readText(answer);
    if (answer.statusCode === 200) return JSON.parse(text) as unknown;
    throw refusal(answer.statusCode ?? 0, text, origin);
  });
}

interface Sent {
  readonly method: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: object | undefined;
}

/** Not fetch, which cannot be given an authority. */
async function send(connection: ConnectionOptions, url: string, { method, headers, body }: Sent) {
  const secure = url.startsWith("https:");
  const request = secure ? httpsRequest : httpRequest;
  const sent = request(url, { method, headers, timeout: IDLE_MS, ...(secure && trustOf(connection)) });
  sent.on("timeout", () => sent.destroy(new Error(`no answer for ${IDLE_MS / 1_000} s`)));
  const answered = once(sent, "response") as Promise<[IncomingMessage]>;
  sent.end(body === undefined ? undefined : JSON.stringify(body));
  const [answer] = await answered;
  return answer;
}

async function orUnreachable<T>(origin: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
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
