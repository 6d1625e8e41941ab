/** Answers `boxkite reproduce`: POST begins a reproduction of an action, DELETE ends one. Errors are JSON, too. */
import type { IncomingMessage } from "node:http";
import { BoxkiteError } from "../domain/errors.ts";
import type { Principal } from "../domain/principal.ts";
import { hasMethod, setCommonHeaders } from "../pages/respond.ts";
import { isFromElsewhere } from "../pages/same-origin.ts";
import { refusalOf } from "../services/errors.ts";
import { ORIGIN_HEADER } from "../services/origin.ts";
import {
  beginReproduction,
  endReproduction,
  type ReproductionContext,
  type ReproductionPath,
} from "../services/reproductions.ts";
import { readSmallBody } from "../services/small-body.ts";
import { onceClosed } from "../lib/client-gone.ts";
import type { Request, Response } from "./listener.ts";

/** Rejects with what is no fault of the caller or of the engine. */
export async function answerReproduction(
  context: ReproductionContext,
  request: Request,
  response: Response,
  by: Principal,
  { action, id }: ReproductionPath,
): Promise<void> {
  if (!hasMethod(request as IncomingMessage, response, [id === undefined ? "POST" : "DELETE"])) return;
  try {
    if (isFromElsewhere(request))
      throw new BoxkiteError("PERMISSION_DENIED", "a page of another origin sent this");
    if (id !== undefined) return answer(response, 200, await endReproduction(context, by, action, id));
    const gone = new AbortController();
    onceClosed(response, () => gone.abort(new Error("the client is gone")));
    const body = await readSmallBody(request);
    const origin = String(request.headers[ORIGIN_HEADER] ?? "");
    return answer(
      response,
      200,
      await beginReproduction(context, by, action, body, { origin, signal: gone.signal }),
    );
  } catch (error) {
    if (!(error instanceof BoxkiteError)) throw error;
    // What its engine answered is of use to whoever may start its containers.
    const status = refusalOf(error)?.status ?? 502;
    const { code, message, hint } = error;
    answer(response, status, { error: { code, message, hint } });
  }
}

function answer(response: Response, status: number, content: object): void {
  response.statusCode = status;
  setCommonHeaders(response, "application/json");
  response.end(JSON.stringify(content));
}
