/**
 * Names. (project, domain, run, action) is the key of everything; the organisation that clients send
 * is ignored: a laptop sends an empty one and a task container "local" for the same run
 * (seen on the wire with flyte 2.12.1).
 */
import { randomBytes } from "node:crypto";
import { BoxkiteError } from "./errors.ts";
import { quoted } from "./text.ts";

export interface ProjectKey {
  readonly project: string;
  readonly domain: string;
}

export interface RunKey extends ProjectKey {
  readonly run: string;
}

export interface ActionKey extends RunKey {
  readonly action: string;
}

export interface TaskKey extends ProjectKey {
  readonly name: string;
  readonly version: string;
}

/** The root action of every run. */
export const ROOT_ACTION = "a0";

/** The domains that every project has, in the order in which they are listed. */
export const DOMAINS = ["development", "staging", "production"] as const;

export function isDomain(text: string): boolean {
  return (DOMAINS as readonly string[]).includes(text);
}

/** A run's name becomes part of URLs, labels and object keys: a DNS label. */
const RUN_NAME = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/;
/** An action's name is made by the SDK (base 36 of a hash), or is a trace's or condition's. */
const ACTION_NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,126}$/;
const PROJECT_NAME = /^[a-z0-9]([a-z0-9-_]{0,61}[a-z0-9])?$/;

export function checkProjectName(text: string, field: string): string {
  return check(PROJECT_NAME, text, field, "1 to 63 of a-z, 0-9, '-' and '_'");
}

export function checkRunName(text: string): string {
  return check(RUN_NAME, text, "run name", "1 to 63 of a-z, 0-9 and '-', not first or last");
}

export function checkActionName(text: string): string {
  return check(ACTION_NAME, text, "action name", "1 to 127 of letters, digits, '.', '_' and '-'");
}

function check(pattern: RegExp, text: string, field: string, rule: string): string {
  if (pattern.test(text)) return text;
  throw new BoxkiteError("INVALID_ARGUMENT", `${field} ${quoted(text)} is not valid: it must be ${rule}`, {
    hint: "choose another name",
  });
}

/** A new run name: `r` and 19 characters of base 32 without look-alikes, 95 random bits. */
export function newRunName(): string {
  const alphabet = "abcdefghjkmnpqrstvwxyz0123456789";
  let name = "r";
  for (const byte of randomBytes(19)) name += alphabet[byte % 32];
  return name;
}

export function runKeyText(key: RunKey): string {
  return `${key.project}/${key.domain}/${key.run}`;
}

export function actionKeyText(key: ActionKey): string {
  return `${runKeyText(key)}/${key.action}`;
}
