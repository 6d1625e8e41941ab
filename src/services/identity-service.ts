/** flyteidl2.auth.IdentityService: who calls. There are no users, so every caller is anonymous. */
import type { ConnectRouter } from "@connectrpc/connect";
import { IdentityService } from "../wire/gen/flyteidl2/auth/identity_pb.js";
import type { ServiceContext } from "./context.ts";
import { principalOf } from "./principal.ts";

export function registerIdentityService(
  router: ConnectRouter,
  { access }: Pick<ServiceContext, "access">,
): void {
  router.service(IdentityService, {
    // An empty subject: a client that wants the runs of this one asks for all (seen with flyte 2.12.1).
    userInfo: async (_, handler) => {
      await access.authorise(principalOf(handler), "read", { kind: "server" });
      return { subject: "", name: "anonymous" };
    },
  });
}
