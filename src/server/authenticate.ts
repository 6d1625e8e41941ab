/** Who sent a request, determined here only. Requests for objects are signed as well (objects/s3/authenticate.ts). */
import type { AuthMode } from "../domain/auth-mode.ts";
import { EVERYONE, LOCAL, type Identity, type Principal } from "../domain/principal.ts";
import { actionKeyText } from "../domain/ids.ts";
import { splitTokenPath } from "../executors/plain-environment.ts";
import { attemptOfToken } from "../orchestrator/attempt-token.ts";
import type { SigningKeys } from "../orchestrator/signing-keys.ts";
import type { Reach } from "../platform/reach.ts";
import { CLIENT_HEADER } from "../services/origin.ts";
import { plainAddress } from "./arrival.ts";
import type { Request } from "./listener.ts";

export interface Authenticated {
  readonly by: Principal;
  /** The request's path and query, without the token that stands before them. */
  readonly url: string;
}

export type Authenticate = (request: Pick<Request, "headers" | "socket" | "url">) => Authenticated;

export function createAuthenticate(
  keys: SigningKeys,
  reach: Pick<Reach, "classOf">,
  auth: AuthMode,
): Authenticate {
  const withoutToken = auth === "off" ? EVERYONE : NO_TOKEN;
  return ({ headers, socket, url = "/" }) => {
    const peer = plainAddress(socket.remoteAddress);
    // Another one where a trusted proxy speaks for its client.
    const from = String(headers[CLIENT_HEADER] ?? peer);
    const path = splitTokenPath(url);
    const identity =
      path === undefined
        ? from === peer && reach.classOf(plainAddress(socket.localAddress), peer) === "bridge"
          ? CONTAINER
          : withoutToken
        : identityOfToken(keys, path.token);
    return {
      by: { who: nameOf(identity), client: headers["user-agent"] ?? "", from, identity },
      url: path?.rest ?? url,
    };
  };
}

function identityOfToken(keys: SigningKeys, token: string): Identity {
  const key = attemptOfToken(keys, token);
  return key === undefined ? UNKNOWN_TOKEN : { kind: "attempt", key };
}

/** As it is recorded. */
function nameOf(identity: Identity): string {
  switch (identity.kind) {
    case "everyone":
      return LOCAL.who;
    case "attempt":
      return `task ${actionKeyText(identity.key)}`;
    case "token":
      return `token ${identity.id}`;
    case "stranger":
      return "nobody";
  }
}

const CONTAINER: Identity = {
  kind: "stranger",
  why: "a call from a container needs the token of its task, and this one has none",
  hint:
    "in a task, call flyte.init_in_cluster() or leave flyte to connect by itself; images with flyte before 2.2 do not " +
    "send the token: install a newer one",
};

const NO_TOKEN: Identity = {
  kind: "stranger",
  why: "this server wants a token (--auth tokens), and the call has none",
  hint: "ask the server's operator for one",
};

const UNKNOWN_TOKEN: Identity = {
  kind: "stranger",
  why: "the token in the path of the call was not made by this server",
  hint: "use the endpoint as this server gave it, from the variable _U_EP_OVERRIDE of the task",
};
