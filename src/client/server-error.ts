/**
 * Decodes errors of the server. Connect's errors have a code and a message; Boxkite's code and the hint are
 * sent in headers, so that clients can distinguish errors by `error.code`.
 */
import { ConnectError, type Code, type Transport } from "@connectrpc/connect";
import { BoxkiteError, ERROR_CODES, textOf, type ErrorCode } from "../domain/errors.ts";
import { CODE_HEADER, HINT_HEADER } from "../wire/error-headers.ts";

/** What separates message and hint where one text has both. */
const HINT_SEPARATOR = textOf({ message: "", hint: "" });

/**
 * The BoxkiteError that the server threw, with Connect's error as its cause, or that this client threw before it sent
 * the call. Errors without a code, and those
 * with a code that only a newer version knows, are returned unchanged.
 */
function decodeServerError(error: unknown): unknown {
  if (!(error instanceof ConnectError)) return error;
  // Of an interceptor: Connect wraps what it throws.
  if (error.cause instanceof BoxkiteError) return error.cause;
  const code = error.metadata.get(CODE_HEADER);
  if (code === null || !isErrorCode(code)) return error;
  const { message, hint } = splitHint(error.rawMessage);
  return new BoxkiteError(code, message, { hint: decodeHint(error) ?? hint, cause: error });
}

/** Splits a text of `textOf`. */
export function splitHint(text: string): { readonly message: string; readonly hint: string | undefined } {
  const at = text.lastIndexOf(HINT_SEPARATOR);
  if (at < 0) return { message: text, hint: undefined };
  return { message: text.slice(0, at), hint: text.slice(at + HINT_SEPARATOR.length) };
}

/** Connect's code of a failed call's error, whether or not it is a BoxkiteError. */
export function connectCodeOf(error: unknown): Code {
  const sent = error instanceof BoxkiteError && error.cause instanceof ConnectError ? error.cause : error;
  return ConnectError.from(sent).code;
}

/** The text of a failed call's error, for a message that quotes it; includes the hint. */
export function quoteServerError(error: unknown): string {
  return error instanceof BoxkiteError ? `${error.code}: ${textOf(error)}` : String(error);
}

/**
 * The same transport, whose calls reject with `decodeServerError`. It is no interceptor, because Connect
 * wraps whatever those throw.
 */
export function withServerErrors(transport: Transport): Transport {
  return {
    unary: (...call) => transport.unary(...call).catch(rethrow),
    stream: async (...call) => {
      const response = await transport.stream(...call).catch(rethrow);
      return { ...response, message: decoded(response.message) };
    },
  };
}

async function* decoded<T>(messages: AsyncIterable<T>): AsyncGenerator<T> {
  try {
    yield* messages;
  } catch (error) {
    rethrow(error);
  }
}

function rethrow(error: unknown): never {
  throw decodeServerError(error);
}

function isErrorCode(code: string): code is ErrorCode {
  return Object.hasOwn(ERROR_CODES, code);
}

function decodeHint({ metadata }: ConnectError): string | undefined {
  const hint = metadata.get(HINT_HEADER);
  if (hint === null) return undefined;
  try {
    return decodeURIComponent(hint);
  } catch (error) {
    // Not encoded correctly: the hint is shown to people as it is.
    if (error instanceof URIError) return hint;
    throw error;
  }
}
