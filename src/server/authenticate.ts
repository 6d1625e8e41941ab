/** Who sent a request, determined here only. Requests for objects are signed as well (objects/s3/authenticate.ts). */
import { LOCAL, type Principal } from "../domain/principal.ts";
import { plainAddress, type Request } from "./listener.ts";

export function authenticate({ headers, socket }: Request): Principal {
  return {
    who: LOCAL.who,
    client: headers["user-agent"] ?? "",
    from: plainAddress(socket.remoteAddress),
  };
}
