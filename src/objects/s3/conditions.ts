/** Conditional requests, RFC 9110 section 13, as far as S3 has them. */
import type { StoredObject, WriteCondition } from "../hosted-store.ts";
import { S3Error } from "./s3-error.ts";
import type { S3Request } from "./s3-request.ts";

export type ReadOutcome = "send" | "notModified";

/** Throws PreconditionFailed. `before` stands before the names of the headers, for the source of a copy. */
export function checkReadConditions(request: S3Request, object: StoredObject, before = ""): ReadOutcome {
  const header = (name: string): string | undefined => request.header(before + name);
  const ifMatch = header("if-match");
  const ifUnmodifiedSince = dateOf(header("if-unmodified-since"));
  if (ifMatch !== undefined) {
    if (!includesEtag(ifMatch, object.etag)) throw preconditionFailed("If-Match");
  } else if (ifUnmodifiedSince !== undefined && seconds(object.modifiedAt) > ifUnmodifiedSince) {
    throw preconditionFailed("If-Unmodified-Since");
  }
  const ifNoneMatch = header("if-none-match");
  const ifModifiedSince = dateOf(header("if-modified-since"));
  if (ifNoneMatch !== undefined) return includesEtag(ifNoneMatch, object.etag) ? "notModified" : "send";
  const unchanged = ifModifiedSince !== undefined && seconds(object.modifiedAt) <= ifModifiedSince;
  return unchanged ? "notModified" : "send";
}

/** Of a write. Throws NotImplemented for what S3 does not have either. */
export function writeConditionOf(request: S3Request): WriteCondition | undefined {
  for (const name of ["if-modified-since", "if-unmodified-since"]) {
    if (request.header(name) !== undefined)
      throw new S3Error("NotImplemented", `${name} on a write is not implemented.`);
  }
  const ifMatch = request.header("if-match");
  const ifNoneMatch = request.header("if-none-match");
  if (ifMatch !== undefined && ifNoneMatch !== undefined) {
    throw new S3Error("NotImplemented", "If-Match together with If-None-Match is not implemented.");
  }
  if (ifMatch !== undefined) return { kind: "matches", etags: parseEtags(ifMatch) };
  if (ifNoneMatch === undefined) return undefined;
  const etags = parseEtags(ifNoneMatch);
  return etags.includes("*") ? { kind: "absent" } : { kind: "matchesNone", etags };
}

/** Whether a range still belongs to the object as the client knows it. */
export function ifRangeHolds(request: S3Request, object: StoredObject): boolean {
  const ifRange = request.header("if-range");
  if (ifRange === undefined) return true;
  const date = dateOf(ifRange);
  return date === undefined ? quoted(ifRange) === object.etag : date === seconds(object.modifiedAt);
}

/** With quotes, whether or not the client sent them. */
export function quoted(etag: string): string {
  const bare = etag.trim().replace(/^W\//, "");
  return bare.startsWith('"') ? bare : `"${bare}"`;
}

function preconditionFailed(condition: string): S3Error {
  return new S3Error("PreconditionFailed", "At least one of the pre-conditions you specified did not hold", {
    Condition: condition,
  });
}

function includesEtag(header: string, etag: string): boolean {
  const etags = parseEtags(header);
  return etags.includes("*") || etags.includes(etag);
}

function parseEtags(header: string): string[] {
  return header.split(",").map((etag) => (etag.trim() === "*" ? "*" : quoted(etag)));
}

/** Milliseconds since the epoch. What is not a date is no condition. */
function dateOf(header: string | undefined): number | undefined {
  const ms = header === undefined || header.startsWith('"') ? Number.NaN : Date.parse(header);
  return Number.isNaN(ms) ? undefined : ms;
}

/** HTTP dates have no fractions. */
function seconds(ms: number): number {
  return Math.floor(ms / 1000) * 1000;
}
