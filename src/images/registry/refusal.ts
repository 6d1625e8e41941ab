/** Errors for a registry's error response, for a response that is none of a registry, and for no response. */
import { BoxkiteError, type BoxkiteErrorOptions, type ErrorCode, messageOf } from "../../domain/errors.ts";
import { errnoOf } from "../../lib/errno.ts";
import { findFailure } from "../../lib/failure-table.ts";
import {
  type ConnectionContext,
  REGISTRY_ANSWERS,
  REGISTRY_CONNECTION_FAILURES,
  type RegistryContext,
} from "./failures.ts";
import { originOf, pageHint } from "./hints.ts";
import { describeReply, isPage, type Reply, replyDetail, retryAfterOf } from "./reply.ts";

/** What was requested, for messages. */
export type Requested = Pick<RegistryContext, "registries" | "host" | "url" | "name" | "isLoggedIn">;

/** How long attempts are repeated (domain/transition.ts): a registry that asks to wait longer is not asked again. */
const LONGEST_WAIT_MS = 20_000;

/** The registry answered with an error. */
export class RegistryRefusal extends BoxkiteError {
  /** From the header Retry-After. */
  readonly retryAfterMs: number | undefined;
  /** Whether it was asked with credentials. */
  readonly isLoggedIn: boolean;

  constructor(
    code: ErrorCode,
    message: string,
    options: BoxkiteErrorOptions,
    asked: { readonly retryAfterMs: number | undefined; readonly isLoggedIn: boolean },
  ) {
    super(code, message, options);
    this.retryAfterMs = asked.retryAfterMs;
    this.isLoggedIn = asked.isLoggedIn;
  }

  static override [Symbol.hasInstance](value: unknown): boolean {
    return value instanceof BoxkiteError && "retryAfterMs" in value;
  }
}

/** For a status other than success. */
export function registryRefusal(requested: Requested, reply: Reply, nowMs: number): RegistryRefusal {
  const { host } = requested;
  const retryAfterMs = retryAfterOf(reply, nowMs);
  const context = { ...requested, why: describeReply(reply), isPage: isPage(reply), retryAfterMs };
  const row = findFailure(REGISTRY_ANSWERS, { status: reply.status, text: reply.text }, context);
  const what = row?.what?.(context) ?? `cannot be asked: it answered with ${context.why}`;
  const recoverable = row?.retry === "later" && (retryAfterMs ?? 0) <= LONGEST_WAIT_MS;
  return new RegistryRefusal(
    row?.code ?? "REGISTRY_UNREACHABLE",
    `registry ${host} ${what}`,
    { hint: row?.hint?.(context), recoverable },
    { retryAfterMs, isLoggedIn: requested.isLoggedIn },
  );
}

/** For a success whose content is not what was requested: a sign-in page, nothing, or something cut off. */
export function notFromRegistry(requested: Requested, reply: Reply): BoxkiteError {
  const { host, name, url } = requested;
  const why = isPage(reply)
    ? `but a page for people, so it is not a registry that answers: ${replyDetail(reply)}`
    : `but ${reply.text.trim() === "" ? "an empty response" : "something that cannot be read"}`;
  return new BoxkiteError(
    "REGISTRY_UNREACHABLE",
    `registry ${host} did not return the manifest of ${name}, ${why}`,
    {
      hint: isPage(reply)
        ? pageHint(requested)
        : `its storage is damaged, or a proxy in between changes responses: push the image again, or try: curl -i ${url}`,
      recoverable: false,
    },
  );
}

/** For a success of a token service whose content has no token. */
export function noToken(service: ConnectionContext, reply: Reply): BoxkiteError {
  const what = isPage(reply) ? `a page for people: ${replyDetail(reply)}` : "a response without a token";
  return new BoxkiteError(
    "REGISTRY_UNREACHABLE",
    `registry ${service.host} cannot be asked: its token service ${service.url} returned ${what}`,
    { hint: pageHint({ ...service, host: new URL(service.url).host }), recoverable: false },
  );
}

/** For no response. `why`: its cause in words. */
export function unreachable(contacted: ConnectionContext, why: string, cause?: unknown): BoxkiteError {
  const { registries, host, url } = contacted;
  const row = findFailure(
    REGISTRY_CONNECTION_FAILURES,
    { errno: errnoOf(cause), text: messageOf(cause) },
    contacted,
  );
  const service = url.startsWith(originOf(registries, host)) ? "" : `its token service ${url}: `;
  return new BoxkiteError("REGISTRY_UNREACHABLE", `registry ${host} cannot be asked: ${service}${why}`, {
    cause,
    hint: row?.hint?.(contacted),
    recoverable: row?.retry !== "never",
  });
}

/** Some errors have their text only in their code or in their cause. */
export function causeOf(error: unknown): string {
  const cause = error instanceof Error ? error.cause : undefined;
  return messageOf(cause ?? error) || (errnoOf(error) ?? "");
}
