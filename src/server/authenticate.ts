/** Who sent a request, determined here only. Requests for objects are signed as well (objects/s3/authenticate.ts). */
import { EVERYONE, LOCAL, type Identity, type Principal } from "../domain/principal.ts";
import { actionKeyText } from "../domain/ids.ts";
import { splitTokenPath } from "../executors/plain-environment.ts";
import { attemptOfToken, isAttemptToken } from "../orchestrator/attempt-token.ts";
import { isReproductionToken, type Reproductions } from "../orchestrator/reproductions.ts";
import type { SigningKeys } from "../orchestrator/signing-keys.ts";
import type { Reach } from "../platform/reach.ts";
import { CLIENT_HEADER } from "../services/origin.ts";
import { plainAddress } from "./arrival.ts";
import type { Request } from "./listener.ts";
import type { Identified, People } from "./people.ts";

export interface Authenticated extends Omit<Identified, "identity" | "who"> {
  readonly by: Principal;
  /** The request's path and query, without the token that stands before them. */
  readonly url: string;
}

export type Authenticate = (
  request: Pick<Request, "headers" | "socket" | "url" | "method">,
) => Authenticated | Promise<Authenticated>;

/** `people`: undefined where nobody has to prove who they are. */
export function createAuthenticate(
  keys: SigningKeys,
  reach: Pick<Reach, "classOf">,
  people?: Pick<People, "identify" | "nobody">,
  reproductions?: Pick<Reproductions, "ofToken">,
): Authenticate {
  return (request) => {
    const { headers, socket, url: full = "/" } = request;
    const peer = plainAddress(socket.remoteAddress);
    // Another one where a trusted proxy speaks for its client.
    const from = String(headers[CLIENT_HEADER] ?? peer);
    const inPath = splitTokenPath(full);
    const url = inPath?.rest ?? full;
    const authenticated = ({ identity, who = nameOf(identity), ...rest }: Identified): Authenticated => ({
      by: { who, client: headers["user-agent"] ?? "", from, identity },
      url,
      ...rest,
    });
    const attempt = inPath && attemptOfToken(keys, inPath.token);
    if (attempt !== undefined) return authenticated({ identity: { kind: "attempt", key: attempt } });
    const reproduction = inPath && reproductions?.ofToken(inPath.token);
    if (reproduction !== undefined) {
      const { id, of } = reproduction;
      return authenticated({ identity: { kind: "reproduction", id, of } });
    }
    // Neither a person's token nor their secret: it was of a task, whose key has ended, or of a reproduction that has.
    if (inPath !== undefined && (isAttemptToken(inPath.token) || isReproductionToken(inPath.token)))
      return authenticated({ identity: UNKNOWN_TOKEN });
    const path = url.split("?", 1)[0] ?? "";
    const person = people?.identify(request, { path, pathToken: inPath?.token, from });
    if (person !== undefined) return person.then(authenticated);
    if (inPath !== undefined) return authenticated({ identity: UNKNOWN_TOKEN });
    if (from === peer && reach.classOf(plainAddress(socket.localAddress), peer) === "bridge")
      return authenticated({ identity: CONTAINER });
    return authenticated({ identity: people?.nobody ?? EVERYONE });
  };
}

/** As it is recorded. */
export function nameOf(identity: Identity): string {
  switch (identity.kind) {
    case "everyone":
      return LOCAL.who;
    case "attempt":
      return `task ${actionKeyText(identity.key)}`;
    case "reproduction":
      return `reproduction of ${actionKeyText(identity.of)}`;
    case "token":
      return `token ${identity.id}`;
    case "stranger":
      return "nobody";
  }
}

export const CONNECT_IN_TASK =
  "in a task, call flyte.init_in_cluster() or leave flyte to connect by itself; images with flyte before 2.2 do not " +
  "send the token: install flyte 2.2 or newer in the image";

const CONTAINER: Identity = {
  kind: "stranger",
  why: "a call from a container needs the token of its task, and this one has none",
  hint: CONNECT_IN_TASK,
};

const UNKNOWN_TOKEN: Identity = {
  kind: "stranger",
  why: "the token in the path of the call is not valid: this server did not make it, or it has ended",
  hint: "use the endpoint as this server gave it, from the variable _U_EP_OVERRIDE of the task",
};
