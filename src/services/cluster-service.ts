/**
 * flyteidl2.cluster.ClusterService: clients ask which endpoint serves an operation. An empty answer
 * means the one they asked (seen with flyte 2.12.1).
 */
import type { ConnectRouter } from "@connectrpc/connect";
import { ClusterService } from "../wire/gen/flyteidl2/cluster/service_pb.js";
import type { ServiceContext } from "./context.ts";
import { principalOf } from "./principal.ts";

export function registerClusterService(
  router: ConnectRouter,
  { access }: Pick<ServiceContext, "access">,
): void {
  router.service(ClusterService, {
    selectCluster: async (_, handler) => {
      await access.authorise(principalOf(handler), "read", { kind: "server" });
      return {};
    },
  });
}
