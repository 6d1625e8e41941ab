/** Which part of the server answers a path. */
import type { IncomingMessage, ServerResponse } from "node:http";
import { createPages } from "../pages/pages.ts";
import type { ServiceContext } from "../services/context.ts";
import { toConnectError } from "../services/errors.ts";
import { parseSignalPath, signalByPost } from "../services/signal-page.ts";
import { readSmallBody } from "../services/small-body.ts";
import type { Handler, Request, Response } from "./listener.ts";

export interface Routes {
  readonly rpc: Handler;
  readonly objects: Handler;
  readonly bucket: string;
  readonly context: ServiceContext;
}

export function createRouter({ rpc, objects, bucket, context }: Routes): Handler {
  const pages = createPages(context);
  return (request, response) => {
    const path = (request.url ?? "/").split("?")[0] ?? "/";
    if (path.startsWith("/flyteidl2.")) return rpc(request, response);
    if (path === `/${bucket}` || path.startsWith(`/${bucket}/`)) return objects(request, response);
    if (path === "/healthz" || path === "/v2/healthz") return answer(response, 200, "ok\n");
    const condition = request.method === "POST" ? parseSignalPath(path) : undefined;
    if (condition === undefined && pages(request as IncomingMessage, response as ServerResponse, path))
      return undefined;
    if (condition === undefined) return answer(response, 404, `nothing is served at ${path}\n`);
    readSmallBody(request)
      .then((body) => signalByPost(context, condition, body))
      .then(() => answer(response, 200, "ok\n"))
      .catch((error: unknown) => answer(response, 400, `${toConnectError(error).rawMessage}\n`));
    return undefined;
  };
}

function answer(response: Response, status: number, body: string): void {
  response.statusCode = status;
  response.setHeader("content-type", "text/plain; charset=utf-8");
  response.end(body);
}

/** A method that this version of the protocol does not have: an image may carry a newer SDK. */
export function unknownMethod(request: Request, response: Response): void {
  const method = (request.url ?? "").slice(1);
  response.statusCode = 404;
  response.setHeader("content-type", "application/json");
  response.end(
    JSON.stringify({ code: "unimplemented", message: `${method} is not implemented by this server` }),
  );
}
