import type { ServerResponse } from "node:http";
import type { S3Error } from "./s3-error.ts";
import { document, text } from "./xml.ts";

export type ResponseHeaders = Readonly<Record<string, string | number | undefined>>;

export function setHeaders(response: ServerResponse, headers: ResponseHeaders): void {
  for (const [name, value] of Object.entries(headers))
    if (value !== undefined) response.setHeader(name, value);
}

export function sendEmpty(response: ServerResponse, status: number, headers: ResponseHeaders = {}): void {
  response.statusCode = status;
  setHeaders(response, headers);
  // 204 and 304 have no length of their own.
  if (status !== 204 && status !== 304 && !response.hasHeader("content-length")) {
    response.setHeader("content-length", 0);
  }
  response.end();
}

export function sendXml(
  response: ServerResponse,
  xml: string,
  headers: ResponseHeaders = {},
  status = 200,
): void {
  const body = Buffer.from(xml);
  response.statusCode = status;
  setHeaders(response, { ...headers, "content-type": "application/xml", "content-length": body.length });
  response.end(body);
}

export function sendError(
  response: ServerResponse,
  error: S3Error,
  requestId: string,
  resource: string,
): void {
  const details = Object.entries(error.details).map(([name, value]) => text(name, value));
  const xml = document(
    "Error",
    text("Code", error.code),
    text("Message", error.message),
    ...details,
    text("Resource", resource),
    text("RequestId", requestId),
  ).replace(/ xmlns="[^"]*"/, "");
  if (response.req.method === "HEAD")
    sendEmpty(response, error.status, { "content-type": "application/xml" });
  else sendXml(response, xml, {}, error.status);
}

/** As HTTP dates have it; S3's XML has ISO 8601. */
export function httpDate(ms: number): string {
  return new Date(ms).toUTCString();
}

export function xmlDate(ms: number): string {
  return new Date(ms).toISOString();
}
