/** The audit of what is answered in plain HTTP: pages, objects, sign-ins, and what is refused before it is any of these. */
import type { Principal } from "../../domain/principal.ts";
import type { Place } from "../../pages/paths.ts";
import { nameOf } from "../authenticate.ts";
import type { Request, Response } from "../listener.ts";
import type { AuditedCalls } from "./audited-calls.ts";
import type { CallRecord, RecordedAs } from "./call-record.ts";
import { beforeAnswer } from "./before-answer.ts";

/** Begins a call that ends with its answer. */
export function auditHttp(
  audited: AuditedCalls,
  response: Response,
  by: Principal,
  name: string,
  recordedAs?: RecordedAs,
): CallRecord {
  const call = audited.begin(by, name, recordedAs);
  beforeAnswer(response, (status) => {
    call.answered(status);
    audited.end(call);
  });
  return call;
}

/** For what is refused because of how it came: it has no caller yet. */
export function auditArrival(
  audited: AuditedCalls,
): (request: Request, response: Response, from: string) => void {
  return ({ headers }, response, from) => {
    const client = headers["user-agent"] ?? "";
    const identity = { kind: "stranger", why: "", hint: "" } as const;
    auditHttp(audited, response, { who: nameOf(identity), client, from, identity }, "request");
  };
}

/** As what a page is recorded: those with inputs, outputs or logs, and what a form changes. */
const PAGES: Readonly<Record<Place["page"], RecordedAs>> = {
  home: undefined,
  pools: undefined,
  "pools-document": undefined,
  asset: undefined,
  project: undefined,
  runs: undefined,
  run: "read",
  stream: "read",
  inputs: "read",
  log: "read",
  document: "read",
  abort: "change",
  answer: "change",
  unknown: undefined,
};

export function auditPage(audited: AuditedCalls, response: Response, by: Principal, { page }: Place): void {
  // Files of the pages are everybody's.
  if (page !== "asset") auditHttp(audited, response, by, `page/${page}`, PAGES[page]);
}
