/** The services that this server implements. All others are in `every-service.ts`, which is loaded when one is called. */
import type { ConnectRouter } from "@connectrpc/connect";
import { registerActionsService } from "./actions-service.ts";
import { registerAuthMetadataService } from "./auth-metadata-service.ts";
import { registerClusterService } from "./cluster-service.ts";
import type { ServiceContext } from "./context.ts";
import { registerDataProxyService } from "./dataproxy-service.ts";
import { registerIdentityService } from "./identity-service.ts";
import { registerImageService } from "./image-service.ts";
import { registerProjectService } from "./project-service.ts";
import { registerRunService } from "./run-service.ts";
import { registerTaskService } from "./task-service.ts";

export function registerServices(router: ConnectRouter, context: ServiceContext): void {
  registerActionsService(router, context);
  registerAuthMetadataService(router);
  registerClusterService(router, context);
  registerDataProxyService(router, context);
  registerIdentityService(router, context);
  registerImageService(router, context);
  registerProjectService(router, context);
  registerRunService(router, context);
  registerTaskService(router, context);
}
