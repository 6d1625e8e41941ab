/**
 * What Boxkite does not do, in the words of those who write tasks: the options of the Python SDK, with those of the
 * TypeScript SDK where they have another name. A refusal never names a field of the protocol.
 */
import { BoxkiteError } from "../domain/errors.ts";

export interface Refusal {
  /** What was asked for and why it is not done. Follows the name of who asks: "task team.main", "the run". */
  readonly why: string;
  /** What to do instead. */
  readonly instead: string;
}

/** `subject`: who asks for it, for example "task team.main". */
export function refused(subject: string, { why, instead }: Refusal): BoxkiteError {
  return new BoxkiteError("FIELD_NOT_SUPPORTED", `${subject} ${why}`, { hint: instead });
}

const WHERE_RUN_STARTS = "flyte.with_runcontext(…), in TypeScript withRunContext({…})";
const PLAIN_NOTIFICATION = "use flyte.notify.Webhook, Slack or Teams where the run is started";

export const NO_SECRETS: Refusal = {
  why: "asks for secrets, and this server passes none to tasks yet",
  instead:
    "leave secrets out, and set the value with env_vars (TypeScript: env), which everybody who sees the run can read, or put it into a file of the image",
};

export const NO_TRIGGERS: Refusal = {
  why: "has triggers, and this server has none yet",
  instead:
    "deploy the task without triggers, and start it on time by a timer of your own, cron for one: flyte run deployed-task NAME",
};

export const NO_PODS: Refusal = {
  why: "has a pod_template of its own (flyte.PodTemplate), and this server runs containers, not pods",
  instead:
    'name a template of the server\'s settings instead: pod_template="NAME"; it says what the container may do. What else the task needs is set with image, resources and env_vars; there are no sidecars and no volumes',
};

export const NO_RAW_CONTAINERS: Refusal = {
  why: "is a raw container (flyte.extras.ContainerTask), and this server does not copy inputs and outputs into files for one yet",
  instead:
    "start the program from an ordinary task: put flyte into its image, or the program into an image with flyte, and call subprocess.run([…])",
};

export const NOT_INTERRUPTIBLE: Refusal = {
  why: "is interruptible, and no machine of this server ever is",
  instead: "leave interruptible out: it runs to its end",
};

export const NO_SERVICE_ACCOUNTS: Refusal = {
  why: "asks for a service_account, and this server has none to run tasks as",
  instead: "leave service_account out, and give the task what it signs in with by env_vars or in its image",
};

export const NO_OAUTH_TOKENS: Refusal = {
  why: "asks for OAuth tokens, and this server fetches none",
  instead: "fetch the token in the task",
};

export const NO_SQL: Refusal = {
  why: "is a SQL task, which needs a connector, and this server has none",
  instead: "send the query from an ordinary task, with the database's own client in its image",
};

export const NO_ARTIFACTS: Refusal = {
  why: "produces artifacts, and this server keeps none yet",
  instead: "leave produces_artifacts out, and return the data as a File, Dir or DataFrame",
};

export const NO_GPU_MODELS: Refusal = {
  why: "asks for one model of GPU, and this server knows how many GPUs it has, not which",
  instead: 'ask for a number only: gpu=1 instead of gpu="A100:1" (TypeScript: gpu: 1)',
};

export const SHM_ELSEWHERE: Refusal = {
  why: "has shared memory elsewhere than in /dev/shm",
  instead: 'ask for it with shm="1Gi" or shm="auto" of flyte.Resources(…) (TypeScript: sharedMemory)',
};

export const NO_PORTS: Refusal = {
  why: "opens ports, and this server runs no services yet",
  instead: "leave the ports out, and return what the task has to say",
};

export const NO_ARCHITECTURES: Refusal = {
  why: "asks for a processor architecture, and this server starts containers for its own machine only",
  instead: "leave it out, and build the image for this machine: platform= of flyte.Image",
};

export const NO_CONTAINER_CONFIG: Refusal = {
  why: "has settings for its container that nothing here reads",
  instead: "leave them out; env_vars (TypeScript: env) reach the program",
};

export const NO_WORKER_KINDS: Refusal = {
  why: "asks for a kind of worker, and this server has one kind only",
  instead: "leave it out; resources and queue say where and when a task may run",
};

export const NO_TRIGGERED_RUNS: Refusal = {
  why: "is started by a trigger, and this server has none yet",
  instead: "start the task itself: flyte run deployed-task NAME, or flyte.run(task)",
};

export const NO_SETTINGS_OF_ACTIONS: Refusal = {
  why: "brings settings of its own, and an action has those of its run",
  instead: `give them to the run: ${WHERE_RUN_STARTS}`,
};

export const NO_SINGLE_RECOVERY: Refusal = {
  why: "says what it is recovered from, and this server recovers whole runs",
  instead: "recover the run: flyte.rerun(NAME, recover=True)",
};

export const NO_TRACE_REPORTS: Refusal = {
  why: "has a report, and traces have none",
  instead: "write the report in the task: flyte.report",
};

export const NO_NAMED_RULES: Refusal = {
  why: "names a notification rule (flyte.notify.NamedRule), and this server keeps none",
  instead: PLAIN_NOTIFICATION,
};

export const NO_NAMED_DELIVERIES: Refusal = {
  why: "names a delivery (flyte.notify.NamedDelivery), and this server keeps none",
  instead: PLAIN_NOTIFICATION,
};

export const NO_EMAIL: Refusal = {
  why: "is an e-mail, and this server sends none",
  instead: PLAIN_NOTIFICATION,
};

export const NO_RUN_BASE: Refusal = {
  why: "sets run_base_dir, and this server keeps inputs and results in its own store",
  instead: "leave it out; raw_data_path (TypeScript: rawDataPath) says where the contents of files go",
};

export const NO_CLUSTERS: Refusal = {
  why: "asks for a pool of clusters, and this server is one machine",
  instead: "leave it out; queues say how much runs at once",
};

export const NO_DEFAULT_SETTINGS: Refusal = {
  why: "brings default settings, and this server has none to replace",
  instead: `set what the run needs with ${WHERE_RUN_STARTS}`,
};

/** `type`: what kind of task it is, for example "spark". */
export function taskType(type: string): Refusal {
  return {
    why: `is of the type ${JSON.stringify(type)}, which needs a plugin or a connector, and this server has none`,
    instead:
      "make it an ordinary task, without plugin_config: its image may have the library, and its code may call the service",
  };
}

/** `version`: of the Python package flyte. */
export function sdkWithoutTokens(version: string): Refusal {
  return {
    why: `was made with flyte ${version}, whose containers cannot send the token by which a task calls this server: a call would wait for ever`,
    instead: "install flyte 2.2 or newer, on your machine and in the image of the task",
  };
}

/** A field that the table does not have. */
export const NOT_KNOWN: Refusal = {
  why: "uses an option that this version of Boxkite does not know",
  instead: "upgrade Boxkite, or use an older version of the SDK",
};
