/** Ends a call when its answer begins, and before any of it is sent: whoever has read an answer can rely on the line. */
import { isStorageError, textOf } from "../../domain/errors.ts";
import { sendText } from "../../pages/respond.ts";
import type { Response } from "../listener.ts";

/** `end`: called once with the status. Where it throws, that is answered instead. */
export function beforeAnswer(response: Response, end: (status: number) => void): void {
  const { write: writeOn, end: endWith } = response;
  const restore = (): void => {
    response.off("close", gone);
    // Those of the prototype again.
    Reflect.deleteProperty(response, "write");
    Reflect.deleteProperty(response, "end");
  };
  const begin = (): boolean => {
    restore();
    try {
      end(response.statusCode);
      return true;
    } catch (error) {
      refuse(response, error);
      return false;
    }
  };
  const gone = (): void => {
    restore();
    try {
      end(CLIENT_IS_GONE);
    } catch {
      // Nobody is left to be answered, and the server's log has why nothing can be written.
    }
  };
  Object.assign(response, {
    write: (...args: unknown[]): unknown => begin() && Reflect.apply(writeOn, response, args),
    end: (...args: unknown[]): unknown => (begin() ? Reflect.apply(endWith, response, args) : response),
  });
  response.once("close", gone);
}

/** As nginx writes into its log for a client that closed the connection before it had an answer. */
const CLIENT_IS_GONE = 499;

function refuse(response: Response, error: unknown): void {
  for (const name of response.getHeaderNames()) response.removeHeader(name);
  sendText(response, 503, `${isStorageError(error) ? textOf(error) : "the call could not be recorded"}\n`);
  // Whoever answers in pieces writes on until the response has closed: for Node that is an error, which ends the process.
  Object.assign(response, { write: () => false, end: () => response });
}
