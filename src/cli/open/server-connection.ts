/** Calls of a command to the server that the client's configuration names, with its credentials. */
import { request as httpRequest, type IncomingMessage } from "node:http";
import { request as httpsRequest } from "node:https";
import { once } from "node:events";
import { findConfigFile, loadConfig } from "../../client/config-file.ts";
import type { Trust } from "../../client/control-plane.ts";
import { baseUrlOf } from "../../client/endpoint.ts";
import { tokenSource, trustOf } from "../../client/transport.ts";
import { unreachable } from "../../client/unreachable.ts";
import { BoxkiteError, ERROR_CODES, messageOf, type ErrorCode } from "../../domain/errors.ts";
import { ownValue } from "../../domain/own-value.ts";

export interface ServerConnection {
  readonly project: string;
  readonly domain: string;
  /** Sends and receives JSON. Throws SERVER_UNREACHABLE, and the error that the server answers with. */
  ask(method: "POST" | "DELETE", path: string, body?: object): Promise<unknown>;
  /** What a link of the server opens. Throws SERVER_UNREACHABLE, and OBJECT_NOT_FOUND where it opens nothing. */
  download(url: string): Promise<IncomingMessage>;
}

export interface ConnectionChoice {
  /** The client's configuration file. @default as flyte finds it */
  readonly file: string | undefined;
  readonly project: string | undefined;
  readonly domain: string | undefined;
}

/** Throws CONFIG_INVALID where no server is configured. */
export async function connectServer(
  choice: ConnectionChoice,
  env: NodeJS.ProcessEnv,
): Promise<ServerConnection> {
  const config = await loadConfig(choice.file ?? findConfigFile(process.cwd(), env), env);
  if (config.endpoint === undefined)
    throw new BoxkiteError("CONFIG_INVALID", "no server is configured", {
      hint: "write the configuration of a client here: boxkite config create",
    });
  const baseUrl = baseUrlOf(config.endpoint, config.insecure);
  const secure = baseUrl.startsWith("https:");
  const trust = secure ? trustOf(config) : {};
  const newToken = tokenSource({ ...config, baseUrl });
  const { origin } = new URL(baseUrl);
  return {
    project: choice.project ?? config.project ?? "flytesnacks",
    domain: choice.domain ?? config.domain ?? "development",
    ask: async (method, path, body) => {
      const token = await newToken?.();
      const headers = token === undefined ? {} : { authorization: `Bearer ${token}` };
      const answer = await send(method, baseUrl + path, { headers, body, trust, origin });
      const text = await textOf(answer);
      if (answer.statusCode === 200) return JSON.parse(text) as unknown;
      throw errorOf(text, answer.statusCode ?? 0, origin);
    },
    download: async (url) => {
      const answer = await send("GET", url, { trust, origin });
      if (answer.statusCode === 200) return answer;
      throw new BoxkiteError(
        "OBJECT_NOT_FOUND",
        `${new URL(url).pathname} cannot be read: HTTP ${answer.statusCode}`,
      );
    },
  };
}

interface Sent {
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: object | undefined;
  readonly trust: Trust;
  readonly origin: string;
}

async function send(
  method: string,
  url: string,
  { headers = {}, body, trust, origin }: Sent,
): Promise<IncomingMessage> {
  // Not fetch, which cannot be given an authority.
  const request = url.startsWith("https:") ? httpsRequest : httpRequest;
  const sent = request(url, { method, headers: { "user-agent": "boxkite-cli", ...headers }, ...trust });
  sent.end(body === undefined ? undefined : JSON.stringify(body));
  try {
    const [answer] = (await once(sent, "response")) as [IncomingMessage];
    return answer;
  } catch (error) {
    throw unreachable(error, messageOf(error), origin) ?? error;
  }
}

async function textOf(answer: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of answer as AsyncIterable<Buffer>) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}

function errorOf(text: string, status: number, origin: string): BoxkiteError {
  try {
    const { error } = JSON.parse(text) as { readonly error?: Readonly<Record<string, string | undefined>> };
    const code = error?.["code"] ?? "";
    if (error !== undefined && ownValue(ERROR_CODES, code) !== undefined)
      return new BoxkiteError(code as ErrorCode, error["message"] ?? "", { hint: error["hint"] });
  } catch {
    // No server of this version answers so.
  }
  const refused = status === 401 || status === 403;
  return new BoxkiteError(
    refused ? (status === 401 ? "UNAUTHENTICATED" : "PERMISSION_DENIED") : "SERVER_UNREACHABLE",
    `${origin} answered with HTTP ${status}: ${text.trim().slice(0, 300)}`,
    {
      hint: refused
        ? "boxkite config create writes what the server asks for"
        : "is this the address of a Boxkite server of this version?",
    },
  );
}
