/**
 * Every service of the protocol, so that a call of one without an implementation is answered `unimplemented` with the
 * method's name, in whichever protocol it came. They are loaded when such a method is called: hardly
 * any client does, and each start would decode their descriptors.
 */
import type { ConnectRouter } from "@connectrpc/connect";
import type { DescService } from "@bufbuild/protobuf";
import * as actions from "../wire/gen/flyteidl2/actions/actions_service_pb.js";
import * as appLogs from "../wire/gen/flyteidl2/app/app_logs_service_pb.js";
import * as app from "../wire/gen/flyteidl2/app/app_service_pb.js";
import * as artifact from "../wire/gen/flyteidl2/artifact/artifact_service_pb.js";
import * as auth from "../wire/gen/flyteidl2/auth/auth_service_pb.js";
import * as identity from "../wire/gen/flyteidl2/auth/identity_pb.js";
import * as cache from "../wire/gen/flyteidl2/cacheservice/cacheservice_pb.js";
import * as cacheV2 from "../wire/gen/flyteidl2/cacheservice/v2/cacheservice_pb.js";
import * as cluster from "../wire/gen/flyteidl2/cluster/service_pb.js";
import * as connector from "../wire/gen/flyteidl2/connector/service_pb.js";
import * as dataproxy from "../wire/gen/flyteidl2/dataproxy/dataproxy_service_pb.js";
import * as imagebuilder from "../wire/gen/flyteidl2/imagebuilder/service_pb.js";
import * as domain from "../wire/gen/flyteidl2/org/domain_service_pb.js";
import * as project from "../wire/gen/flyteidl2/project/project_service_pb.js";
import * as secret from "../wire/gen/flyteidl2/secret/secret_pb.js";
import * as settings from "../wire/gen/flyteidl2/settings/settings_service_pb.js";
import * as task from "../wire/gen/flyteidl2/task/task_service_pb.js";
import * as trigger from "../wire/gen/flyteidl2/trigger/trigger_service_pb.js";
import * as events from "../wire/gen/flyteidl2/workflow/events_proxy_service_pb.js";
import * as internalRun from "../wire/gen/flyteidl2/workflow/internal_run_service_pb.js";
import * as queue from "../wire/gen/flyteidl2/workflow/queue_service_pb.js";
import * as runLogs from "../wire/gen/flyteidl2/workflow/run_logs_service_pb.js";
import * as run from "../wire/gen/flyteidl2/workflow/run_service_pb.js";
import * as state from "../wire/gen/flyteidl2/workflow/state_service_pb.js";
import * as trackedRun from "../wire/gen/flyteidl2/workflow/tracked_run_service_pb.js";
import * as translator from "../wire/gen/flyteidl2/workflow/translator_service_pb.js";

/** In the order of their names. */
export const SERVICES: readonly DescService[] = [
  actions,
  appLogs,
  app,
  artifact,
  auth,
  identity,
  cache,
  cacheV2,
  cluster,
  connector,
  dataproxy,
  domain,
  events,
  imagebuilder,
  internalRun,
  project,
  queue,
  runLogs,
  run,
  secret,
  settings,
  state,
  task,
  trackedRun,
  translator,
  trigger,
]
  .flatMap((module) => Object.values(module as Record<string, unknown>))
  .filter((value): value is DescService => (value as { kind?: string } | null)?.kind === "service")
  .toSorted((a, b) => (a.typeName < b.typeName ? -1 : 1));

/** The methods of those that are implemented are in `routes.ts`, and are looked for there first. */
export function registerEveryService(router: ConnectRouter): void {
  for (const service of SERVICES) router.service(service, {});
}
