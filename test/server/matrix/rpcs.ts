/** Every RPC: what it asks for, and a request of it about a run, or about a project and domain. */
import { Code } from "@connectrpc/connect";
import { ROOT, taskSpec } from "../../../bench/helpers/requests.ts";
import type { Asked } from "./expected.ts";
import { PLACES, RUNS, SERVER, type Cell } from "./targets.ts";
import { actionIdOf, childOf, projectIdOf, runIdOf } from "./world.ts";

export interface Rpc {
  readonly asks: Asked | "nothing";
  readonly cells: readonly Cell[];
  readonly request: (cell: Cell) => object;
  /** How it may end for those who may, other than well. */
  readonly ends?: readonly Code[];
  /** Ends the run: called last, by tasks first. */
  readonly isEnd?: true;
}

let names = 0;
const newName = () => `new-${names++}`;
const taskId = (cell: Cell) => ({ project: cell.project, domain: cell.domain, name: "t", version: "1" });
const scopeBy = (cell: Cell) => ({ case: "projectId", value: projectIdOf(cell) }) as const;
const root = (cell: Cell) => ({ actionId: actionIdOf(cell, ROOT) });
/** Rights to an action are those to its run, also where it does not exist. */
const none = (cell: Cell) => ({ actionId: actionIdOf(cell, "none") });
const spec = taskSpec({ command: ["true"] });

const aboutRun = (asks: Asked, request: Rpc["request"], more: Pick<Rpc, "ends" | "isEnd"> = {}): Rpc => ({
  asks,
  cells: RUNS,
  request,
  ...more,
});
const aboutPlace = (asks: Asked, request: Rpc["request"], ends: readonly Code[] = []): Rpc => ({
  asks,
  cells: PLACES,
  request,
  ends,
});
const aboutServer = (asks: Rpc["asks"], request: Rpc["request"] = () => ({})): Rpc => ({
  asks,
  cells: SERVER,
  request,
});

export const RPCS: Readonly<Record<string, Rpc | readonly Rpc[]>> = {
  "ActionsService/Abort": aboutRun("change run", none, { ends: [Code.NotFound] }),
  "ActionsService/Enqueue": aboutRun("create child", (cell) => childOf(cell, newName())),
  "ActionsService/WatchForUpdates": aboutRun("read run", (cell) => ({
    filter: { case: "parentActionId", value: actionIdOf(cell, ROOT) },
  })),
  "AuthMetadataService/GetOAuth2Metadata": aboutServer("nothing"),
  "AuthMetadataService/GetPublicClientConfig": aboutServer("nothing"),
  "ClusterService/SelectCluster": aboutServer("read server"),
  "DataProxyService/CreateDownloadLink": aboutRun(
    "read run",
    (cell) => ({
      artifactType: 1,
      source: { case: "actionAttemptId", value: { ...root(cell), attempt: 1 } },
    }),
    { ends: [Code.NotFound] },
  ),
  "DataProxyService/CreateUploadLocation": aboutPlace("create place", ({ project, domain }) => ({
    project,
    domain,
    filename: "f",
  })),
  "DataProxyService/GetActionData": aboutRun("read run", root),
  // Of an attempt that is not made yet, so that the log does not stay open.
  "DataProxyService/TailLogs": aboutRun("read run", (cell) => ({ ...root(cell), attempt: 9 }), {
    ends: [Code.NotFound],
  }),
  "DataProxyService/UploadInputs": aboutPlace("create place", (cell) => ({ id: scopeBy(cell) })),
  "IdentityService/UserInfo": aboutServer("read server"),
  "ImageService/GetImage": aboutPlace(
    "read place",
    (cell) => ({ id: { name: "image" }, projectId: projectIdOf(cell) }),
    [Code.NotFound],
  ),
  "ProjectService/CreateProject": aboutServer("create project", () => ({ project: { id: newName() } })),
  "ProjectService/GetProject": aboutPlace("read project", ({ project }) => ({ id: project })),
  "ProjectService/ListProjects": aboutServer("read projects"),
  "ProjectService/UpdateProject": aboutPlace("change project", ({ project: id }) => ({
    project: { id, description: `secret-of-project-${id}.` },
  })),
  "RunService/AbortAction": aboutRun("change run", none, { ends: [Code.NotFound] }),
  "RunService/AbortRun": aboutRun("change run", (cell) => ({ runId: runIdOf(cell) }), {
    ends: [Code.FailedPrecondition],
    isEnd: true,
  }),
  "RunService/CreateRun": [
    aboutPlace("create run", (cell) => ({
      id: { case: "runId", value: { ...runIdOf(cell), name: newName() } },
      task: { case: "taskSpec", value: spec },
    })),
    // By reference.
    aboutPlace("create run", (cell) => ({
      id: { case: "runId", value: { ...runIdOf(cell), name: newName() } },
      task: { case: "taskId", value: taskId(cell) },
    })),
  ],
  "RunService/GetActionDataURIs": aboutRun("read run", root),
  "RunService/GetActionDetails": aboutRun("read run", root),
  "RunService/GetRunDetails": aboutRun("read run", (cell) => ({ runId: runIdOf(cell) })),
  "RunService/ListActions": aboutRun("read run", (cell) => ({ runId: runIdOf(cell) })),
  "RunService/ListRuns": [
    aboutPlace("read runs", (cell) => ({ scopeBy: scopeBy(cell) })),
    aboutPlace("read runs", (cell) => ({ scopeBy: { case: "taskName", value: taskId(cell) } })),
    aboutServer("read all"),
    aboutServer("read all", () => ({ scopeBy: { case: "org", value: "alpha" } })),
  ],
  "RunService/SignalEvent": aboutRun("change run", none, { ends: [Code.NotFound] }),
  "RunService/WatchActionDetails": aboutRun("read run", root),
  "RunService/WatchRunDetails": aboutRun("read run", (cell) => ({ runId: runIdOf(cell) })),
  "RunService/WatchRuns": [
    aboutPlace("read runs", (cell) => ({ target: scopeBy(cell) })),
    aboutServer("read all"),
  ],
  "TaskService/DeployTask": aboutPlace("create task", (cell) => ({
    taskId: { ...taskId(cell), version: newName() },
    spec,
  })),
  "TaskService/GetTaskDetails": aboutPlace("read task", (cell) => ({ taskId: taskId(cell) })),
  "TaskService/ListTasks": [
    aboutPlace("read tasks", (cell) => ({ scopeBy: scopeBy(cell) })),
    aboutServer("read all"),
  ],
  "TaskService/ListVersions": aboutPlace("read task", (cell) => ({ taskName: taskId(cell) })),
};
