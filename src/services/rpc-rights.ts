/**
 * What each RPC asks the caller to have a right to, as its service does: docs/roles.md is made from it, and a test calls
 * each RPC and compares. What a request names besides (objects, a task of another project) is asked for on its own.
 */
import type { ResourceKind, Right } from "../domain/roles.ts";

/**
 * `anyone`: also before they have proved who they are. `data`: the answer has inputs, outputs or logs of tasks, or where
 * they are.
 */
export type RpcRight = readonly [right: Right, kind: ResourceKind, what?: "data"] | "anyone";

/** As what each call is in the audit log; undefined for those that are there only where they are denied. */
export function auditedAs(asked: RpcRight | undefined): "change" | "read" | undefined {
  if (asked === undefined || asked === "anyone") return undefined;
  const [right, , what] = asked;
  if (right !== "read") return "change";
  return what === "data" ? "read" : undefined;
}

/** Every RPC that is implemented, by the names of its service and method. */
export const RPC_RIGHTS: Readonly<Record<string, RpcRight>> = {
  "ActionsService/Abort": ["change", "action"],
  "ActionsService/Enqueue": ["create", "child"],
  "ActionsService/WatchForUpdates": ["read", "action"],
  "AuthMetadataService/GetOAuth2Metadata": "anyone",
  "AuthMetadataService/GetPublicClientConfig": "anyone",
  "ClusterService/SelectCluster": ["read", "server"],
  "DataProxyService/CreateDownloadLink": ["read", "action", "data"],
  "DataProxyService/CreateUploadLocation": ["create", "place"],
  "DataProxyService/GetActionData": ["read", "action", "data"],
  "DataProxyService/TailLogs": ["read", "action", "data"],
  "DataProxyService/UploadInputs": ["create", "place"],
  "IdentityService/UserInfo": ["read", "server"],
  "ImageService/GetImage": ["read", "image"],
  "ProjectService/CreateProject": ["create", "project"],
  "ProjectService/GetProject": ["read", "project"],
  "ProjectService/ListProjects": ["read", "project"],
  "ProjectService/UpdateProject": ["change", "project"],
  "RunService/AbortAction": ["change", "action"],
  "RunService/AbortRun": ["change", "run"],
  "RunService/CreateRun": ["create", "run"],
  "RunService/GetActionDataURIs": ["read", "action", "data"],
  "RunService/GetActionDetails": ["read", "action"],
  "RunService/GetRunDetails": ["read", "action"],
  "RunService/ListActions": ["read", "run"],
  "RunService/ListRuns": ["read", "runs"],
  "RunService/SignalEvent": ["change", "action"],
  "RunService/WatchActionDetails": ["read", "action"],
  "RunService/WatchRunDetails": ["read", "run"],
  "RunService/WatchRuns": ["read", "runs"],
  "TaskService/DeployTask": ["create", "task"],
  "TaskService/GetTaskDetails": ["read", "task"],
  "TaskService/ListTasks": ["read", "tasks"],
  "TaskService/ListVersions": ["read", "task"],
};
