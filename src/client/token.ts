/** Bearer tokens that a command prints (`authType: ExternalCommand`). */
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { Code, ConnectError, type Interceptor, type StreamResponse } from "@connectrpc/connect";
import { BoxkiteError } from "../domain/errors.ts";

/** Resolves to the standard output of the command. Throws CONFIG_INVALID if it fails or prints nothing. */
export async function runTokenCommand(command: readonly string[]): Promise<string> {
  const [program = "", ...parameters] = command;
  const failed = (why: string, cause?: unknown): BoxkiteError =>
    new BoxkiteError("CONFIG_INVALID", `the command ${JSON.stringify(command)} for a token ${why}`, {
      hint: "run it in a terminal; it is admin.command in the configuration file, or FLYTE_AUTH_COMMAND",
      cause,
    });
  const { stdout } = await promisify(execFile)(program, parameters).catch((cause: unknown) => {
    const { stderr = "" } = cause as { readonly stderr?: string };
    throw failed(`failed: ${stderr.trim() || String(cause)}`, cause);
  });
  const token = stdout.trim();
  if (token === "") throw failed("printed nothing");
  return token;
}

/**
 * Sends the token with every call. A call that the server refuses as unauthenticated is repeated once with a new
 * token, as the Python SDK does (flyte/remote/_client/auth/_interceptors/auth.py, 2.12.1).
 */
export function tokenInterceptor(newToken: () => Promise<string>): Interceptor {
  let present: Promise<string> | undefined;
  const token = (refused?: Promise<string>): Promise<string> => {
    // Calls that were refused together share one run of the command: the first of them replaces the token.
    if (present === undefined || present === refused) {
      const running = newToken();
      present = running;
      // A command that failed is run again for the next call.
      running.catch(() => {
        if (present === running) present = undefined;
      });
    }
    return present;
  };
  return (next) => async (request) => {
    const inputs = request.stream ? await Array.fromAsync(request.message) : [];
    const send = async (used: Promise<string>) => {
      request.header.set("authorization", `Bearer ${await used}`);
      if (!request.stream) return next(request);
      const response = await next({ ...request, message: iterate(inputs) });
      return response.stream ? begun(response) : response;
    };
    const used = token();
    try {
      return await send(used);
    } catch (error) {
      if (ConnectError.from(error).code !== Code.Unauthenticated) throw error;
      return send(token(used));
    }
  };
}

/** Waits for the first message, because a refusal may come in its place; a stream's later messages are not repeated. */
async function begun(response: StreamResponse): Promise<StreamResponse> {
  const messages = response.message[Symbol.asyncIterator]();
  const first = await messages.next();
  const rest = { [Symbol.asyncIterator]: () => messages };
  return { ...response, message: first.done === true ? iterate([]) : iterate([first.value], rest) };
}

async function* iterate<T>(first: readonly T[], rest?: AsyncIterable<T>): AsyncGenerator<T> {
  yield* first;
  if (rest !== undefined) yield* rest;
}
