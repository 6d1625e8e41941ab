/** The plain pages below /v2: which one an address means, and what is answered when it cannot be shown. */
import type { IncomingMessage, ServerResponse } from "node:http";
import { isGone } from "../lib/client-gone.ts";
import { BoxkiteError, type ErrorCode } from "../domain/errors.ts";
import { refusalOf } from "../services/errors.ts";
import type { PageContext, PagesContext } from "./page-context.ts";
import { abortByPost } from "./abort.ts";
import { answerByPost } from "./answer.ts";
import { readAssets } from "./assets.ts";
import { sendDocument, sendError } from "./document/send-document.ts";
import type { Crumb } from "./layout.ts";
import { sendLog } from "./log-download.ts";
import { sendProblem, type Problem } from "./not-found.ts";
import { loginPath } from "./login-page.ts";
import { HOME_PATH, runPath, runsPath, type Place } from "./paths.ts";
import { hasMethod, READ, redirect } from "./respond.ts";
import { crumbsOf, sendRunPage } from "./run-page.ts";
import { sendInputs } from "./row-inputs.ts";
import { streamRun } from "./run-stream.ts";
import { createShortInputs } from "./short-inputs.ts";
import { sendPoolsDocument, sendPoolsPage } from "./pools-page.ts";
import { sendRunsPage } from "./runs-page.ts";

/** Answers a request for the page that its path means. */
export type Pages = (
  request: IncomingMessage,
  response: ServerResponse,
  place: Place,
  caller: PageCaller,
) => void;

export type PageCaller = Pick<PageContext, "by" | "viewer" | "hasLogin">;

export function createPages(context: PagesContext): Pages {
  const assets = readAssets();
  const parts = { ...context, inputs: createShortInputs(context) };

  const send = async (
    context: PageContext,
    request: IncomingMessage,
    response: ServerResponse,
    place: Place,
  ): Promise<void> => {
    switch (place.page) {
      case "home":
        return sendRunsPage(context, request, response, undefined);
      case "pools":
        return sendPoolsPage(context, response);
      case "pools-document":
        return sendPoolsDocument(context, response);
      case "asset":
        return assets(request, response, place.name);
      case "project":
        return redirect(response, 302, runsPath(place.key));
      case "runs":
        return sendRunsPage(context, request, response, place.key);
      case "run":
        return sendRunPage(context, request, response, place.key);
      case "stream":
        return streamRun(context, request, response, place.key);
      case "inputs":
        return sendInputs(context, request, response, place.key);
      case "log":
        return sendLog(context, request, response, place.key);
      case "document":
        return sendDocument(context, request, response, place.key);
      case "abort":
        return abortByPost(context, request, response, place.key);
      case "answer":
        return answerByPost(context, request, response, place.key);
      case "unknown":
        return sendProblem(context, response, NO_PAGE);
    }
  };

  return (request, response, place, caller) => {
    const methods = place.page === "abort" || place.page === "answer" ? ["POST"] : READ;
    if (place.page !== "unknown" && !hasMethod(request, response, methods)) return;
    send({ ...parts, ...caller }, request, response, place).catch((error: unknown) => {
      const problem = problemOf(error, place);
      // The client is gone, or the server is about to end.
      if (isGone(response)) return;
      if (problem.status >= 500)
        parts.log.error("a page failed", { path: request.url?.split("?")[0], error });
      if (caller.hasLogin && isStranger(error) && isShown(place) && !response.headersSent)
        return redirect(response, 303, loginPath(request.url ?? HOME_PATH));
      // In the middle of a response, a broken connection is the only sign left that it is not whole.
      if (response.headersSent) response.destroy();
      else if (place.page === "document" || place.page === "pools-document") sendError(response, error);
      else sendProblem(parts, response, problem);
    });
  };
}

/** Pages that a browser shows, other than those that scripts read. */
function isShown({ page }: Place): boolean {
  return page === "home" || page === "pools" || page === "runs" || page === "run";
}

function isStranger(error: unknown): boolean {
  return error instanceof BoxkiteError && error.code === "UNAUTHENTICATED";
}

const NO_PAGE: Problem = {
  status: 404,
  title: "There is no such page",
  text: "The address is not one of this server's pages.",
};

const TITLES: Partial<Record<ErrorCode, string>> = {
  PROJECT_NOT_FOUND: "There is no such project",
  RUN_NOT_FOUND: "There is no such run",
  ACTION_NOT_FOUND: "There is no such action",
  LOGS_NOT_FOUND: "There is no such log",
  NO_LOGS: "There is no such log",
  UNAUTHENTICATED: "You are not signed in",
  PERMISSION_DENIED: "You may not do that",
  LIMIT_EXCEEDED: "That is too much",
  INVALID_ARGUMENT: "The request is not valid",
  DATA_DIRECTORY_UNUSABLE: "The server's data directory cannot be used",
  DISK_FULL: "The server's disk is full",
};
const FAILED = "Something went wrong";

function problemOf(error: unknown, place: Place): Problem {
  if (!(error instanceof BoxkiteError)) {
    return {
      status: 500,
      title: FAILED,
      text: "The page could not be made; the server's log has the cause.",
    };
  }
  const { code, message, hint } = error;
  return {
    status: refusalOf(error)?.status ?? 500,
    title: TITLES[code] ?? FAILED,
    text: hint === undefined ? message : `${message}. What to do: ${hint}.`,
    crumbs: crumbsFrom(code, place),
  };
}

/** The links up from what is wrong: to the run, or to the project where it has no such run. */
function crumbsFrom(code: ErrorCode, place: Place): Crumb[] {
  if (!("key" in place && "run" in place.key)) return [];
  const { key } = place;
  const project = crumbsOf(key);
  return code === "RUN_NOT_FOUND" ? project : [...project, { text: key.run, path: runPath(key) }];
}
