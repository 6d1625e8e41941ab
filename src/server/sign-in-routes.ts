/** The addresses at which people and programs sign in. */
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Principal } from "../domain/principal.ts";
import { LOGIN_PATH, LOGOUT_PATH } from "../pages/paths.ts";
import { hasMethod, READ } from "../pages/respond.ts";
import { TOKEN_ENDPOINT } from "../services/auth-metadata-service.ts";
import type { Request, Response } from "./listener.ts";
import type { People } from "./people.ts";

/** Undefined for a path that is none of them. */
export function answerSignIn(
  { signIn, tokenEndpoint }: People,
  request: Request,
  response: Response,
  path: string,
  { from }: Principal,
): Promise<void> | undefined {
  const [asked, answer] = [request as IncomingMessage, response as ServerResponse];
  const allowed = async (methods: readonly string[], act: () => void | Promise<void>) => {
    if (hasMethod(request, response, methods)) await act();
  };
  switch (path) {
    case LOGIN_PATH:
      if (READ.includes(request.method ?? "")) return allowed(READ, () => signIn.showForm(asked, answer));
      return allowed(["POST"], () => signIn.signIn(asked, answer, from));
    case LOGOUT_PATH:
      return allowed(["POST"], () => signIn.signOut(asked, answer));
    case TOKEN_ENDPOINT:
      return allowed(["POST"], () => tokenEndpoint(request, response, from));
    default:
      return undefined;
  }
}
