/** The connection to a server: the Connect protocol over HTTP/1.1, with retries and, where needed, a token. */
import { readFileSync } from "node:fs";
import type { Interceptor, Transport } from "@connectrpc/connect";
import { createTransport as createConnectTransport } from "@connectrpc/connect/protocol-connect";
import type { Trust } from "./control-plane.ts";
import { gzip } from "./gzip.ts";
import { createHttpClient } from "./http-client.ts";
import { retryInterceptor } from "./retry.ts";
import { withServerErrors } from "./server-error.ts";
import { runTokenCommand, tokenInterceptor } from "./token.ts";
import { BoxkiteError } from "../domain/errors.ts";
import { systemClock, type Clock } from "../lib/clock.ts";
import { isLoopback } from "../lib/loopback.ts";

export interface ConnectionOptions {
  /** The server's origin, and the path before that of each call, if there is one: it may hold a token. */
  readonly baseUrl: string;
  readonly caCertFilePath?: string | undefined;
  readonly insecureSkipVerify?: boolean | undefined;
  /** A token to send; otherwise `authType` says where one comes from. */
  readonly token?: string | undefined;
  readonly authType?: string | undefined;
  readonly command?: readonly string[] | undefined;
  /** Is compressing answers a waste of processor time? @default whether the server is on this machine */
  readonly isNear?: boolean;
}

/** Of one message; Connect's own limit. */
const MOST_BYTES = 0xffff_ffff;

/** Calls reject with a BoxkiteError if the server threw one or could not be reached, otherwise with a ConnectError. */
export function createTransport(options: ConnectionOptions, clock: Clock = systemClock): Transport {
  const { baseUrl, isNear = isOwnMachine(new URL(baseUrl).hostname) } = options;
  const secure = baseUrl.startsWith("https:");
  const interceptors: Interceptor[] = [retryInterceptor(clock)];
  const newToken = tokenSource(options);
  if (newToken !== undefined) interceptors.push(tokenInterceptor(newToken));
  const transport = createConnectTransport({
    baseUrl,
    httpClient: createHttpClient(secure, secure ? trustOf(options) : {}),
    useBinaryFormat: true,
    interceptors,
    acceptCompression: isNear ? [] : [gzip],
    sendCompression: null,
    compressMinBytes: 0,
    readMaxBytes: MOST_BYTES,
    writeMaxBytes: MOST_BYTES,
  });
  return withServerErrors(transport, new URL(baseUrl).origin);
}

/** How a server with TLS is verified. */
export function trustOf({
  caCertFilePath,
  insecureSkipVerify,
}: Pick<ConnectionOptions, "caCertFilePath" | "insecureSkipVerify">): Trust {
  return {
    ...(caCertFilePath !== undefined && { ca: readFileSync(caCertFilePath) }),
    ...(insecureSkipVerify === true && { rejectUnauthorized: false }),
  };
}

/** Undefined where none is sent. Throws CONFIG_INVALID where it would be sent so that others can read it. */
export function tokenSource(
  options: Pick<ConnectionOptions, "token" | "baseUrl" | "authType" | "command">,
): (() => Promise<string>) | undefined {
  const { token, baseUrl } = options;
  const secure = baseUrl.startsWith("https:");
  if (token !== undefined) {
    const { hostname, origin } = new URL(baseUrl);
    if (!secure && !isOwnMachine(hostname))
      throw new BoxkiteError(
        "CONFIG_INVALID",
        `the token of BOXKITE_TOKEN is not sent to ${origin}: over plain HTTP others can read it`,
        { hint: "connect over TLS: leave admin.insecure out of the configuration" },
      );
    return async () => token;
  }
  const command = tokenCommand(options, secure);
  return command && (() => runTokenCommand(command));
}

function isOwnMachine(host: string): boolean {
  const name = host.replace(/^\[|\]$/gu, "");
  return name === "localhost" || name.endsWith(".localhost") || isLoopback(name);
}

/** The command that prints the token. Over plain HTTP no token is sent, as in Python. */
function tokenCommand(
  options: Pick<ConnectionOptions, "authType" | "command">,
  secure: boolean,
): readonly string[] | undefined {
  const { authType, command = [] } = options;
  if (!secure || authType === undefined) return undefined;
  if (authType.toLowerCase() !== "externalcommand") {
    throw new BoxkiteError(
      "CONFIG_INVALID",
      `admin.authType ${authType} is not supported by the TypeScript SDK`,
      {
        hint: "set authType: ExternalCommand and a command that prints a token",
      },
    );
  }
  if (command.length === 0)
    throw new BoxkiteError("CONFIG_INVALID", "authType ExternalCommand needs admin.command");
  return command;
}
