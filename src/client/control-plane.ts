/** Typed clients of the services that authors' programs call, over one connection. */
import { createClient, type Client, type Transport } from "@connectrpc/connect";
import { DataProxyService } from "../wire/gen/flyteidl2/dataproxy/dataproxy_service_pb.js";
import { ImageService } from "../wire/gen/flyteidl2/imagebuilder/service_pb.js";
import { RunService } from "../wire/gen/flyteidl2/workflow/run_service_pb.js";
import { TaskService } from "../wire/gen/flyteidl2/task/task_service_pb.js";

export interface ControlPlane {
  readonly origin: string;
  readonly runs: Client<typeof RunService>;
  readonly tasks: Client<typeof TaskService>;
  readonly data: Client<typeof DataProxyService>;
  readonly images: Client<typeof ImageService>;
}

export function createControlPlane(origin: string, transport: Transport): ControlPlane {
  return {
    origin,
    runs: createClient(RunService, transport),
    tasks: createClient(TaskService, transport),
    data: createClient(DataProxyService, transport),
    images: createClient(ImageService, transport),
  };
}
