/** Which part of the server answers a path. */
import type { IncomingMessage, ServerResponse } from "node:http";
import { textOf, type BoxkiteError } from "../domain/errors.ts";
import type { ActionKey } from "../domain/ids.ts";
import type { Principal } from "../domain/principal.ts";
import { isSigned } from "../objects/s3/is-signed.ts";
import { createPages } from "../pages/pages.ts";
import { splitTokenPath } from "../executors/plain-environment.ts";
import { HOME_PATH, parsePath } from "../pages/paths.ts";
import { LIVE_PATH } from "../platform/probe-container.ts";
import { hasMethod, READ, redirect, sendText } from "../pages/respond.ts";
import { isFromElsewhere } from "../pages/same-origin.ts";
import type { PagesContext } from "../pages/page-context.ts";
import { refusalOf } from "../services/errors.ts";
import { parseReproductionPath, type ReproductionContext } from "../services/reproductions.ts";
import { parseSignalPath, signalByPost } from "../services/signal-page.ts";
import { readSmallBody } from "../services/small-body.ts";
import { HEALTH_PATHS, type CheckHealth } from "./health.ts";
import { isKnownName, type HostNames } from "./host-names.ts";
import { refuse } from "./arrival.ts";
import type { AuditedCalls } from "./audit/audited-calls.ts";
import { auditHttp, auditPage } from "./audit/http-audit.ts";
import type { Authenticate, Authenticated } from "./authenticate.ts";
import { isGone } from "../lib/client-gone.ts";
import type { Ends } from "./ends.ts";
import type { Handler, Request, Response } from "./listener.ts";
import type { People } from "./people.ts";
import {
  answerRefusal,
  callNameOf,
  refusedStranger,
  tooManyGuesses,
  unknownName,
  type Refusal,
} from "./refusal.ts";
import { answerReproduction } from "./reproduction-routes.ts";
import { answerSignIn } from "./sign-in-routes.ts";

/** Answers a request whose caller is authenticated. */
export type RoutedHandler = (request: Request, response: Response, by: Principal) => void;

export interface Routes {
  readonly authenticate: Authenticate;
  readonly ends: Pick<Ends, "endWithCaller">;
  /** Undefined where nobody signs in. */
  readonly people?: People | undefined;
  readonly audited: AuditedCalls;
  readonly rpc: RoutedHandler;
  readonly objects: RoutedHandler;
  readonly bucket: string;
  readonly health: CheckHealth;
  readonly context: PagesContext & ReproductionContext;
  /** Those besides the machine's own for which requests are answered. */
  readonly hostNames: HostNames;
  /** Refuses whoever is not known before anything else is asked, but tells whether the server lives. @default false */
  readonly refusesStrangers?: boolean;
}

export function createRouter({
  authenticate,
  ends,
  people,
  audited,
  rpc,
  objects: answerObjects,
  bucket,
  health,
  context,
  hostNames,
  refusesStrangers = false,
}: Routes): Handler {
  const pages = createPages(context);

  const objects: RoutedHandler = (request, response, by) => {
    auditHttp(audited, response, by, `S3/${request.method ?? ""}`);
    answerObjects(request, response, by);
  };

  const route = (request: Request, response: Response, caller: Authenticated): void => {
    const { by, url } = caller;
    ends.endWithCaller(caller, response);
    // Whatever its path, and by any name: a page that "DNS rebinding" brought here has no key to sign with.
    if (isSigned(request)) return objects(request, response, by);
    request.url = url;
    const path = url.split("?")[0] ?? "/";
    const refusal = refusalFor(request, caller, path);
    if (refusal !== undefined)
      return answerRefusal(response, refusal, auditHttp(audited, response, by, callNameOf(path)));
    if (people !== undefined && signIn(people, request, response, path, caller)) return;
    if (path.startsWith("/flyteidl2.")) return rpc(request, response, by);
    if (path === `/${bucket}` || path.startsWith(`/${bucket}/`)) return objects(request, response, by);
    const condition = parseSignalPath(path);
    const reproduction = parseReproductionPath(path);
    if (condition !== undefined) {
      auditHttp(audited, response, by, "page/signal", "change");
      if (hasMethod(request, response, ["POST"])) signal(request, response, by, condition);
    } else if (reproduction !== undefined) {
      auditHttp(audited, response, by, "page/reproduce", "change");
      answerReproduction(context, request, response, by, reproduction).catch((error: unknown) =>
        fail(request, response, error),
      );
    } else if (path === LIVE_PATH) {
      if (hasMethod(request, response, READ)) sendText(response, 200, "ok\n");
    } else if (HEALTH_PATHS.includes(path)) {
      if (hasMethod(request, response, READ)) sendHealth(request, response);
    } else if (path === "/") {
      if (hasMethod(request, response, READ)) redirect(response, 302, HOME_PATH);
    } else {
      const place = parsePath(path);
      if (place === undefined) return sendText(response, 404, `nothing is served at ${path}\n`);
      auditPage(audited, response, by, place);
      pages(request as IncomingMessage, response as ServerResponse, place, pageCaller(caller));
    }
  };

  const refusalFor = (
    request: Request,
    { by: { identity }, waitSeconds }: Authenticated,
    path: string,
  ): Refusal | undefined => {
    if (!isKnownName(request, hostNames)) return unknownName(request);
    if (waitSeconds !== undefined) return tooManyGuesses(waitSeconds);
    const isOpen = path === LIVE_PATH || HEALTH_PATHS.includes(path);
    return refusesStrangers && identity.kind === "stranger" && !isOpen
      ? refusedStranger(identity)
      : undefined;
  };

  const pageCaller = ({ by, viewer }: Authenticated) => ({ by, viewer, hasLogin: people !== undefined });

  const signIn = (
    people: People,
    request: Request,
    response: Response,
    path: string,
    caller: Authenticated,
  ): boolean => {
    const answered = answerSignIn(people, request, response, path, caller, (name) => {
      audited.requireWritable();
      return auditHttp(audited, response, caller.by, name, "change");
    });
    answered?.catch((error: unknown) => {
      const refusal = refusalOf(error);
      if (refusal === undefined) fail(request, response, error);
      else sendText(response, refusal.status, `${refusal.text}\n`);
    });
    return answered !== undefined;
  };

  const sendHealth = (request: Request, response: Response): void => {
    health()
      .then((problem) => sendText(response, problem === undefined ? 200 : 503, healthText(problem)))
      .catch((error: unknown) => fail(request, response, error));
  };

  const signal = (request: Request, response: Response, by: Principal, condition: ActionKey): void => {
    readSmallBody(request)
      .then(async (body) => {
        if (isFromElsewhere(request)) return sendText(response, 403, "a page of another origin sent this\n");
        await signalByPost(context, by, condition, body);
        return sendText(response, 200, "ok\n");
      })
      .catch((error: unknown) => {
        const refusal = refusalOf(error);
        if (refusal === undefined) return fail(request, response, error);
        if (refusal.status >= 500) logFailure(request, error);
        return sendText(response, refusal.status, `${refusal.text}\n`);
      });
  };

  /** Without the token before the path, which is still there where its owner could not be found, and a URL's signature. */
  const logFailure = ({ url = "/" }: Request, error: unknown): void => {
    const [path] = (splitTokenPath(url)?.rest ?? url).split("?", 1);
    context.log.error("a request failed", { path, error });
  };

  const fail = (request: Request, response: Response, error: unknown): void => {
    // The client is gone.
    if (isGone(response)) return;
    logFailure(request, error);
    if (response.headersSent) response.destroy();
    else sendText(response, 500, "internal error; the server's log has the cause\n");
  };

  return (request, response) => {
    try {
      const caller = authenticate(request);
      if (!(caller instanceof Promise)) return route(request, response, caller);
      caller
        .then((known) => route(request, response, known))
        .catch((error: unknown) => fail(request, response, error));
    } catch (error) {
      // An uncaught error would end the server.
      fail(request, response, error);
    }
  };
}

function healthText(problem: BoxkiteError | undefined): string {
  return problem === undefined ? "ok\n" : `${textOf(problem)}\n`;
}

/** A method that this version of the protocol does not have: an image may carry a newer SDK. */
export function unknownMethod(request: Request, response: Response): void {
  const method = (request.url ?? "").slice(1);
  refuse(response, 404, "unimplemented", `${method} is not implemented by this server`);
}
