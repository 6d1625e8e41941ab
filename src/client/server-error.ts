/**
 * Decodes errors of the server. Connect's errors have a code and a message; Boxkite's code and the hint are
 * sent in headers, so that clients can distinguish errors by `error.code`.
 */
import { ConnectError, type Code, type Transport } from "@connectrpc/connect";
import { BoxkiteError, ERROR_CODES, textOf, type ErrorCode } from "../domain/errors.ts";
import { unreachable } from "./unreachable.ts";
import { CODE_HEADER, HINT_HEADER } from "../wire/error-headers.ts";

/** What separates message and hint where one text has both. */
const HINT_SEPARATOR = textOf({ message: "", hint: "" });

/** Connect's codes of the errors made here. Not their cause: it would be printed with all that Connect keeps in it. */
const connectCodes = new WeakMap<object, Code>();

/**
 * The BoxkiteError that the server threw, or that this client threw before it sent the call, or SERVER_UNREACHABLE.
 * Other errors without a code, and those with a code that only a newer version knows, are returned unchanged.
 */
function decodeServerError(error: unknown, origin: string): unknown {
  if (!(error instanceof ConnectError)) return error;
  // Of an interceptor: Connect wraps what it throws.
  if (error.cause instanceof BoxkiteError) return error.cause;
  const code = error.metadata.get(CODE_HEADER);
  const decoded = isErrorCode(code)
    ? thrownByServer(code, error)
    : unreachable(error.cause, error.rawMessage, origin);
  if (decoded === undefined) return error;
  connectCodes.set(decoded, error.code);
  return decoded;
}

function thrownByServer(code: ErrorCode, error: ConnectError): BoxkiteError {
  const { message, hint } = splitHint(error.rawMessage);
  return new BoxkiteError(code, message, { hint: decodeHint(error) ?? hint });
}

/** Splits a text of `textOf`. */
export function splitHint(text: string): { readonly message: string; readonly hint: string | undefined } {
  const at = text.lastIndexOf(HINT_SEPARATOR);
  if (at < 0) return { message: text, hint: undefined };
  return { message: text.slice(0, at), hint: text.slice(at + HINT_SEPARATOR.length) };
}

/** Connect's code of a failed call's error, whether or not it is a BoxkiteError. */
export function connectCodeOf(error: unknown): Code {
  const known = error instanceof BoxkiteError ? connectCodes.get(error) : undefined;
  return known ?? ConnectError.from(error).code;
}

/** The text of a failed call's error, for a message that quotes it; includes the hint. */
export function quoteServerError(error: unknown): string {
  return error instanceof BoxkiteError ? `${error.code}: ${textOf(error)}` : String(error);
}

/**
 * The same transport, whose calls reject with `decodeServerError`. It is no interceptor, because Connect
 * wraps whatever those throw.
 */
export function withServerErrors(transport: Transport, origin: string): Transport {
  const rethrow = (error: unknown): never => {
    throw decodeServerError(error, origin);
  };
  return {
    unary: (...call) => transport.unary(...call).catch(rethrow),
    stream: async (...call) => {
      const response = await transport.stream(...call).catch(rethrow);
      return { ...response, message: decoded(response.message, rethrow) };
    },
  };
}

async function* decoded<T>(
  messages: AsyncIterable<T>,
  rethrow: (error: unknown) => never,
): AsyncGenerator<T> {
  try {
    yield* messages;
  } catch (error) {
    rethrow(error);
  }
}

export function isErrorCode(code: unknown): code is ErrorCode {
  return typeof code === "string" && Object.hasOwn(ERROR_CODES, code);
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
