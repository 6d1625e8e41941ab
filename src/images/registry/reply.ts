/** A registry's response, read to its end, and what it says. */
import { shorten } from "../../domain/text.ts";

export interface Reply {
  readonly status: number;
  readonly headers: Headers;
  readonly bytes: Buffer;
  readonly text: string;
}

/** Whether it is a page for people: of a web site, a gateway, or a sign-in page. */
export function isPage({ headers, text }: Reply): boolean {
  return (
    /^(text\/html|application\/xhtml)/i.test(headers.get("content-type") ?? "") ||
    /^\s*<(!doctype|html|head|body)\b/i.test(text)
  );
}

/** "manifest unknown (status 404)", `a page titled "Sign in" (status 403)`, "status 503" */
export function describeReply(reply: Reply): string {
  const detail = replyDetail(reply);
  return detail === undefined ? `status ${reply.status}` : `${detail} (status ${reply.status})`;
}

const TITLE = /<(?:title|h1)[^>]*>([^<]{1,200})</i;
/** A title comes first; a page of megabytes must not be searched by a pattern. */
const PAGE_CHARS = 16_384;
/** Of a message, which anybody's registry may write. */
const MESSAGE_CHARS = 1_000;

/** What the response says of itself, without its status. */
export function replyDetail(reply: Reply): string | undefined {
  if (isPage(reply)) {
    const title = TITLE.exec(reply.text.slice(0, PAGE_CHARS))?.[1]?.replace(/\s+/g, " ").trim();
    return title ? `a page titled ${JSON.stringify(title)}` : "a page without a title";
  }
  const plain = /^text\/plain/i.test(reply.headers.get("content-type") ?? "");
  return errorMessage(reply.text) ?? ((plain && reply.text.trim().slice(0, 200)) || undefined);
}

/** `{"errors":[{"code":"MANIFEST_UNKNOWN","message":"manifest unknown"}]}`; token services also use `details`. */
function errorMessage(text: string): string | undefined {
  try {
    const parsed = JSON.parse(text) as {
      errors?: { code?: string; message?: string }[];
      details?: unknown;
      message?: unknown;
    };
    const first = parsed.errors?.[0];
    const message = first === undefined ? (parsed.details ?? parsed.message) : first.message || first.code;
    return typeof message === "string" && message !== "" ? shorten(message, MESSAGE_CHARS) : undefined;
  } catch {
    return undefined;
  }
}

/** Milliseconds; undefined without the header. RFC 9110, section 10.2.3: seconds, or a date. */
export function retryAfterOf({ headers }: Reply, nowMs: number): number | undefined {
  const text = headers.get("retry-after")?.trim() ?? "";
  if (/^\d+$/.test(text)) return Number(text) * 1000;
  const atMs = text === "" ? Number.NaN : Date.parse(text);
  return Number.isNaN(atMs) ? undefined : Math.max(0, atMs - nowMs);
}
