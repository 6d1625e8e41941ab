/** flyteidl2.auth.IdentityService: who calls. */
import type { ConnectRouter } from "@connectrpc/connect";
import { describeGrant } from "../domain/access-token.ts";
import { IdentityService } from "../wire/gen/flyteidl2/auth/identity_pb.js";
import type { ServiceContext } from "./context.ts";
import { principalOf } from "./principal.ts";

export function registerIdentityService(
  router: ConnectRouter,
  { access, tokens }: Pick<ServiceContext, "access" | "tokens">,
): void {
  router.service(IdentityService, {
    userInfo: async (_, handler) => {
      const by = principalOf(handler);
      await access.authorise(by, "read", { kind: "server" });
      // An empty subject: a client that wants the runs of this one asks for all (seen with flyte 2.12.1).
      if (by.identity.kind === "everyone") return { subject: "", name: "anonymous" };
      if (by.identity.kind !== "token") return { subject: by.who, name: by.who };
      const grants = (await tokens.find(by.identity.id))?.grants ?? [];
      const claims = { token: by.identity.id, roles: grants.map(describeGrant) };
      return { subject: by.who, name: by.who, preferredUsername: by.who, additionalClaims: claims };
    },
  });
}
