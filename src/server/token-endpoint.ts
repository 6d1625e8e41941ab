/**
 * Exchanges a token for an access token that lives for an hour: OAuth 2.0 client credentials (RFC 6749, 4.4), as the
 * Python SDK asks for with authType ClientSecret. The client's id is the token's name or id, its secret the token.
 */
import type { IncomingMessage } from "node:http";
import type { Http2ServerRequest } from "node:http2";
import { setCommonHeaders } from "../pages/respond.ts";
import { readSmallBody } from "../services/small-body.ts";
import type { FailedSignIns } from "./failed-sign-ins.ts";
import type { Response } from "./listener.ts";
import type { Sessions } from "./sessions.ts";
import type { SignedInAs } from "./sign-in.ts";
import type { TokenRegistry } from "./token-registry.ts";

export const ACCESS_TOKEN_LIFETIME_MS = 3_600_000;

export interface TokenEndpointOptions {
  readonly tokens: TokenRegistry;
  readonly sessions: Sessions;
  readonly failed: FailedSignIns;
}

/** `from`: the address of the client. */
export type TokenEndpoint = (
  request: IncomingMessage | Http2ServerRequest,
  response: Response,
  from: string,
  as: SignedInAs,
) => Promise<void>;

export function createTokenEndpoint({ tokens, sessions, failed }: TokenEndpointOptions): TokenEndpoint {
  return async (request, response, from, as) => {
    const body = new URLSearchParams(await readSmallBody(request));
    const wait = failed.secondsToWait(from);
    if (wait > 0) {
      response.setHeader("retry-after", String(wait));
      return answer(response, 429, { error: "slow_down", error_description: "too many wrong tokens" });
    }
    if (body.get("grant_type") !== "client_credentials")
      return answer(response, 400, {
        error: "unsupported_grant_type",
        error_description: "the grant_type must be client_credentials",
      });
    const { id, secret } = basicOf(request.headers.authorization) ?? {
      id: body.get("client_id") ?? "",
      secret: body.get("client_secret") ?? "",
    };
    const found = await tokens.find(secret);
    if (found === undefined || (id !== found.token.id && id !== found.token.name)) {
      failed.note(from);
      response.setHeader("www-authenticate", 'Basic realm="boxkite"');
      return answer(response, 401, {
        error: "invalid_client",
        error_description: "the client's id must be the name or id of a token, and its secret the token",
      });
    }
    as({ who: found.token.name, identity: { kind: "token", id: found.token.id } });
    return answer(response, 200, {
      access_token: await sessions.begin(found.token.id),
      token_type: "Bearer",
      expires_in: ACCESS_TOKEN_LIFETIME_MS / 1_000,
    });
  };
}

function answer(response: Response, status: number, content: object): void {
  response.statusCode = status;
  setCommonHeaders(response, "application/json");
  response.end(JSON.stringify(content));
}

/** Both parts are form-encoded inside (RFC 6749, 2.3.1). */
function basicOf(header: string | undefined): { readonly id: string; readonly secret: string } | undefined {
  const encoded = /^basic +(\S+)$/iu.exec(header ?? "")?.[1];
  if (encoded === undefined) return undefined;
  const [id = "", secret = ""] = Buffer.from(encoded, "base64").toString().split(":", 2);
  return { id: formDecoded(id), secret: formDecoded(secret) };
}

function formDecoded(text: string): string {
  return new URLSearchParams(`text=${text}`).get("text") ?? "";
}
