/**
 * Errors that the server sends. Connect has room for a code of its own and a message; Boxkite's code and
 * the hint come beside them, in headers. A client may thus tell errors apart by `error.code`.
 */
import { ConnectError, type Code, type Transport } from "@connectrpc/connect";
import { BoxkiteError, ERROR_CODES, textOf, type ErrorCode } from "../domain/errors.ts";

/** The server sets them in services/errors.ts; the hint is percent-encoded UTF-8. */
const CODE_HEADER = "boxkite-error-code";
const HINT_HEADER = "boxkite-error-hint";

/** What stands between the two where one text holds both. */
const HINT_SEPARATOR = textOf({ message: "", hint: "" });

/**
 * The error of Boxkite that the server threw, with Connect's as its cause. Everything else stays what it
 * is: errors without a code, and those with a code that only a newer version knows.
 */
export function decodeServerError(error: unknown): unknown {
  if (!(error instanceof ConnectError)) return error;
  const code = error.metadata.get(CODE_HEADER);
  if (code === null || !isErrorCode(code)) return error;
  const { message, hint } = splitHint(error.rawMessage);
  return new BoxkiteError(code, message, { hint: decodeHint(error) ?? hint, cause: error });
}

/** A text of `textOf`, taken apart. */
export function splitHint(text: string): { readonly message: string; readonly hint: string | undefined } {
  const at = text.lastIndexOf(HINT_SEPARATOR);
  if (at < 0) return { message: text, hint: undefined };
  return { message: text.slice(0, at), hint: text.slice(at + HINT_SEPARATOR.length) };
}

/** Connect's code of an error of a call, whether or not Boxkite has one for it. */
export function connectCodeOf(error: unknown): Code {
  const sent = error instanceof BoxkiteError && error.cause instanceof ConnectError ? error.cause : error;
  return ConnectError.from(sent).code;
}

/** What an error of a call says, for a message that quotes it; advice included. */
export function quoteServerError(error: unknown): string {
  return error instanceof BoxkiteError ? `${error.code}: ${textOf(error)}` : String(error);
}

/**
 * The same connection, whose calls reject with `decodeServerError`. Not an interceptor: Connect makes
 * an error of its own of whatever those throw.
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
    // Not encoded as it should be: advice is read by people, who may make something of it.
    if (error instanceof URIError) return hint;
    throw error;
  }
}
