/** Who sent a request: the only place that finds out. Objects ask for a signature besides (objects/s3/authenticate.ts). */
import { LOCAL, type Principal } from "../domain/principal.ts";
import { plainAddress, type Request } from "./listener.ts";

export function authenticate({ headers, socket }: Request): Principal {
  return {
    who: LOCAL.who,
    client: headers["user-agent"] ?? "",
    from: plainAddress(socket.remoteAddress),
  };
}
