/** How pages are answered: their headers are what keeps hostile text from doing anything. */
import { randomBytes } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Http2ServerRequest, Http2ServerResponse } from "node:http2";
import { onceClosed } from "../lib/client-gone.ts";
import type { Html } from "./html.ts";

/**
 * Scripts and styles run only with the nonce of this very answer, so not even a file that a task put
 * on this origin can be one. Nothing is fetched from, sent to or framed by anybody else.
 */
function contentSecurityPolicy(nonce: string): string {
  return [
    "default-src 'none'",
    `script-src 'nonce-${nonce}'`,
    `style-src 'nonce-${nonce}'`,
    "img-src 'self'",
    "connect-src 'self'",
    "form-action 'self'",
    "base-uri 'none'",
    "frame-ancestors 'none'",
  ].join("; ");
}

export function sendPage(response: ServerResponse, status: number, page: (nonce: string) => Html): void {
  const nonce = randomBytes(16).toString("base64url");
  const body = Buffer.from(`<!doctype html>\n${page(nonce).toString()}`);
  response.statusCode = status;
  response.setHeader("content-security-policy", contentSecurityPolicy(nonce));
  setCommonHeaders(response, "text/html; charset=utf-8");
  response.setHeader("content-length", body.length);
  response.end(body);
}

type Response = ServerResponse | Http2ServerResponse;

export function sendText(response: Response, status: number, text: string): void {
  response.statusCode = status;
  setCommonHeaders(response, "text/plain; charset=utf-8");
  response.end(text);
}

/** The methods of a path that changes nothing. */
export const READ: readonly string[] = ["GET", "HEAD"];

/** Whether the request has one of a path's methods; any other is refused. */
export function hasMethod(
  { method = "" }: IncomingMessage | Http2ServerRequest,
  response: Response,
  methods: readonly string[],
): boolean {
  if (methods.includes(method)) return true;
  response.setHeader("allow", methods.join(", "));
  sendText(response, 405, `this path takes ${methods.join(" and ")} only\n`);
  return false;
}

export function redirect(response: Response, status: 302 | 303, location: string): void {
  response.setHeader("location", location);
  sendText(response, status, `see ${location}\n`);
}

export function setCommonHeaders(response: Response, contentType: string, cacheControl = "no-store"): void {
  response.setHeader("content-type", contentType);
  response.setHeader("cache-control", cacheControl);
  response.setHeader("x-content-type-options", "nosniff");
  response.setHeader("referrer-policy", "same-origin");
  response.setHeader("cross-origin-resource-policy", "same-origin");
}

/** Aborts when the client is gone. */
export function goneSignal(response: ServerResponse): AbortSignal {
  const gone = new AbortController();
  onceClosed(response, () => gone.abort());
  return gone.signal;
}

/** Resolves when the client has taken what was written, or is gone. */
export async function drained(response: ServerResponse, signal: AbortSignal): Promise<void> {
  if (!response.writableNeedDrain || signal.aborted) return;
  await new Promise<void>((resolve) => {
    const done = () => {
      response.off("drain", done);
      signal.removeEventListener("abort", done);
      resolve();
    };
    response.on("drain", done);
    signal.addEventListener("abort", done, { once: true });
  });
}

export function queryOf(request: IncomingMessage): URLSearchParams {
  const url = request.url ?? "/";
  const at = url.indexOf("?");
  return new URLSearchParams(at < 0 ? "" : url.slice(at + 1));
}

/** A positive whole number of the query, or undefined. */
export function numberIn(query: URLSearchParams, name: string): number | undefined {
  const text = query.get(name) ?? "";
  return /^\d{1,15}$/u.test(text) ? Number(text) : undefined;
}
