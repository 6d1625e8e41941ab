/** flyteidl2.dataproxy.DataProxyService: uploads, downloads, inputs and outputs, logs. */
import type { ConnectRouter } from "@connectrpc/connect";
import { DataProxyService } from "../wire/gen/flyteidl2/dataproxy/dataproxy_service_pb.js";
import { downloadMethods, type DownloadContext } from "./downloads.ts";
import { logMethods, type LogContext } from "./log-tail.ts";
import { uploadMethods, type UploadContext } from "./uploads.ts";

export function registerDataProxyService(
  router: ConnectRouter,
  context: UploadContext & DownloadContext & LogContext,
): void {
  router.service(DataProxyService, {
    ...uploadMethods(context),
    ...downloadMethods(context),
    ...logMethods(context),
  });
}
