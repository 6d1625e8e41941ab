/** The addresses at which people and programs sign in. */
import type { IncomingMessage, ServerResponse } from "node:http";
import { LOGIN_PATH, LOGOUT_PATH } from "../pages/paths.ts";
import { hasMethod, READ } from "../pages/respond.ts";
import { TOKEN_ENDPOINT } from "../services/auth-metadata-service.ts";
import type { Authenticated } from "./authenticate.ts";
import type { CallRecord } from "./audit/call-record.ts";
import type { Request, Response } from "./listener.ts";
import type { People } from "./people.ts";
import type { SignedInAs } from "./sign-in.ts";

/** Undefined for a path that is none of them, unless a link to it signs in. `begin`: notes what the request is about to do. */
export function answerSignIn(
  { signIn, tokenEndpoint }: People,
  request: Request,
  response: Response,
  path: string,
  { by: { from }, url, followedLink }: Authenticated,
  begin: (call: string) => Pick<CallRecord, "identify">,
): Promise<void> | undefined {
  const [asked, answer] = [request as IncomingMessage, response as ServerResponse];
  const allowed = async (methods: readonly string[], act: () => void | Promise<void>) => {
    if (hasMethod(request, response, methods)) await act();
  };
  /** Records who it is once their token is known. */
  const begun = (name: string): SignedInAs => {
    const call = begin(name);
    return ({ who, identity }) => call.identify(who, identity);
  };
  if (followedLink !== undefined)
    return allowed(["GET"], () => signIn.follow(asked, answer, followedLink, url, begun("sign-in")));
  switch (path) {
    case LOGIN_PATH:
      if (READ.includes(request.method ?? "")) return allowed(READ, () => signIn.showForm(asked, answer));
      return allowed(["POST"], () => signIn.signIn(asked, answer, from, begun("sign-in")));
    case LOGOUT_PATH:
      return allowed(["POST"], () => signIn.signOut(asked, answer, begun("sign-out")));
    case TOKEN_ENDPOINT:
      return (
        tokenEndpoint &&
        allowed(["POST"], () => tokenEndpoint(request, response, from, begun("token-exchange")))
      );
    default:
      return undefined;
  }
}
