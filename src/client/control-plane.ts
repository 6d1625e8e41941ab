/** Typed clients of the services that authors' programs call, over one connection. */
import { createClient, type Client, type Transport } from "@connectrpc/connect";
import { DataProxyService } from "../wire/gen/flyteidl2/dataproxy/dataproxy_service_pb.js";
import { ImageService } from "../wire/gen/flyteidl2/imagebuilder/service_pb.js";
import { RunService } from "../wire/gen/flyteidl2/workflow/run_service_pb.js";
import { TaskService } from "../wire/gen/flyteidl2/task/task_service_pb.js";

/** Options of Node's TLS. */
export interface Trust {
  readonly ca?: Buffer;
  readonly rejectUnauthorized?: boolean;
}

export interface ControlPlane {
  readonly origin: string;
  /** How the server is verified, for requests that are no calls: links that it signed. */
  readonly trust: Trust;
  readonly runs: Client<typeof RunService>;
  readonly tasks: Client<typeof TaskService>;
  readonly data: Client<typeof DataProxyService>;
  readonly images: Client<typeof ImageService>;
}

export function createControlPlane(origin: string, transport: Transport, trust: Trust = {}): ControlPlane {
  return {
    origin,
    trust,
    runs: createClient(RunService, transport),
    tasks: createClient(TaskService, transport),
    data: createClient(DataProxyService, transport),
    images: createClient(ImageService, transport),
  };
}
