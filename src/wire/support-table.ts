/**
 * What Boxkite does with each field that a client can set on a task or a run. docs/protocol.md is made from
 * this table, and tests hold it to the generated messages (no field is missing) and to the code (each enforced
 * field makes a difference: services/enforced-fields.test.ts).
 */
import * as no from "./refusals.ts";
import type { Refusal } from "./refusals.ts";

/**
 * - enforced: it does what its documentation says.
 * - kept: it describes; it is stored and given back as it came.
 * - inside: its own fields are listed in a table of their own.
 * - decoded: so are they, and `decodeTaskSpec` checks them, once for each specification: all children of a fan-out send the same.
 * - a refusal: a call that sets it fails, in these words.
 * - only: a call that sets another value fails, in the words for that value.
 */
export type Support = "enforced" | "kept" | "inside" | "decoded" | Refusal | OnlyValues;

export interface OnlyValues {
  readonly only: readonly unknown[];
  readonly refuse: (value: unknown) => Refusal;
}

type FieldTable = Readonly<Record<string, Support>>;

export const SUPPORT: Readonly<Record<string, FieldTable>> = {
  "flyteidl2.workflow.CreateRunRequest": {
    run_id: "enforced",
    project_id: "enforced",
    task_id: "enforced",
    task_spec: "inside",
    trigger_name: no.NO_TRIGGERED_RUNS,
    inputs: "inside",
    offloaded_input_data: "inside",
    run_spec: "inside",
    source: "kept",
    run_start_time: "enforced",
  },
  "flyteidl2.actions.EnqueueRequest": {
    action: "inside",
    // The run's own specification applies to all its actions.
    run_spec: no.NO_SETTINGS_OF_ACTIONS,
  },
  "flyteidl2.actions.Action": {
    action_id: "enforced",
    parent_action_name: "enforced",
    input_uri: "enforced",
    // Where attempts write follows from the run (orchestrator/paths.ts); the SDK sends the same.
    run_output_base: "kept",
    group: "enforced",
    subject: "kept",
    task: "inside",
    trace: "inside",
    condition: "inside",
    recovered_from: no.NO_SINGLE_RECOVERY,
  },
  "flyteidl2.workflow.TaskAction": {
    id: "kept",
    spec: "decoded",
    cache_key: "enforced",
    queue: "enforced",
  },
  "flyteidl2.workflow.TraceAction": {
    name: "enforced",
    phase: "enforced",
    start_time: "enforced",
    end_time: "enforced",
    outputs: "inside",
    spec: "kept",
  },
  "flyteidl2.task.OutputReferences": {
    output_uri: "enforced",
    report_uri: no.NO_TRACE_REPORTS,
  },
  "flyteidl2.workflow.ConditionAction": {
    name: "enforced",
    type: "enforced",
    prompt: "enforced",
    description: "enforced",
    // The page shows text as it was written.
    prompt_type: "kept",
    timeout: "enforced",
    webhook: "inside",
  },
  "flyteidl2.workflow.ConditionWebhook": {
    url: "enforced",
    payload: "enforced",
  },
  "flyteidl2.task.Inputs": {
    literals: "enforced",
    context: "enforced",
  },
  "flyteidl2.common.OffloadedInputData": {
    uri: "enforced",
    inputs_hash: "enforced",
  },
  "flyteidl2.task.RunSpec": {
    labels: "inside",
    annotations: "kept",
    envs: "inside",
    interruptible: { only: [false], refuse: () => no.NOT_INTERRUPTIBLE },
    overwrite_cache: "enforced",
    queue: "enforced",
    raw_data_storage: "inside",
    security_context: "inside",
    cache_config: "inside",
    notification_rule_name: no.NO_NAMED_RULES,
    notification_rules: "inside",
    run_start_time: "enforced",
    max_action_concurrency: "enforced",
    run_base_dir: no.NO_RUN_BASE,
    related_to: "kept",
    cluster_pool: no.NO_CLUSTERS,
    task_spec_source: "kept",
    relation: "inside",
    recover: "inside",
    default_settings: no.NO_DEFAULT_SETTINGS,
  },
  "flyteidl2.task.Labels": {
    values: "enforced",
  },
  "flyteidl2.task.Envs": {
    values: "enforced",
  },
  "flyteidl2.task.RawDataStorage": {
    raw_data_prefix: "enforced",
  },
  "flyteidl2.common.Relation": {
    related_to: "enforced",
    relation_type: "enforced",
  },
  "flyteidl2.task.Recover": {
    force_rerun_actions: "enforced",
  },
  "flyteidl2.task.InlineRuleList": {
    rules: "inside",
  },
  "flyteidl2.task.InlineRule": {
    on_phases: "enforced",
    delivery_config_name: no.NO_NAMED_DELIVERIES,
    delivery_template: "inside",
  },
  "flyteidl2.notification.DeliveryConfigTemplate": {
    webhook: "inside",
    email: no.NO_EMAIL,
  },
  "flyteidl2.notification.WebhookDeliveryTemplate": {
    url: "enforced",
    method: "enforced",
    headers: "enforced",
    body_template: "enforced",
  },
  "flyteidl2.task.CacheConfig": {
    overwrite_cache: "enforced",
    cache_lookup_scope: "enforced",
  },
  "flyteidl2.task.TaskSpec": {
    task_template: "inside",
    default_inputs: "kept",
    short_name: "kept",
    environment: "kept",
    documentation: "kept",
  },
  "flyteidl2.core.TaskTemplate": {
    id: "inside",
    type: {
      // What a ReusePolicy makes of a task of Python is "actor".
      only: ["python", "actor", "raw-container", "typescript", "core-sleep"],
      refuse: (type) => no.taskType(String(type)),
    },
    metadata: "inside",
    interface: "kept",
    // Of "actor" it repeats the reuse policy: reuse-policy.ts.
    custom: "kept",
    container: "inside",
    k8s_pod: no.NO_PODS,
    sql: no.NO_SQL,
    task_type_version: "kept",
    security_context: "inside",
    extended_resources: "inside",
    config: "kept",
    reuse_policy: "inside",
    worker_kind: no.NO_WORKER_KINDS,
  },
  "flyteidl2.core.ReusePolicy": {
    min_replicas: "enforced",
    max_replicas: "enforced",
    concurrency: "enforced",
    idle_ttl: "enforced",
    scaledown_ttl: "enforced",
    scope: "enforced",
  },
  "flyteidl2.core.SecurityContext": {
    run_as: no.NO_SERVICE_ACCOUNTS,
    secrets: no.NO_SECRETS,
    tokens: no.NO_OAUTH_TOKENS,
  },
  "flyteidl2.core.Identifier": {
    resource_type: "kept",
    project: "kept",
    domain: "kept",
    name: "enforced",
    version: "enforced",
    org: "kept",
  },
  "flyteidl2.core.TaskMetadata": {
    discoverable: "enforced",
    runtime: "kept",
    timeout: "enforced",
    retries: "inside",
    discovery_version: "enforced",
    deprecated_error_message: "kept",
    interruptible: { only: [false], refuse: () => no.NOT_INTERRUPTIBLE },
    cache_serializable: "enforced",
    tags: "kept",
    pod_template_name: "enforced",
    cache_ignore_input_vars: "enforced",
    is_eager: "kept",
    generates_deck: "kept",
    metadata: "kept",
    debuggable: "kept",
    log_links: "kept",
    image_build_run: "kept",
    is_entrypoint: "enforced",
    code_bundle_uri: "enforced",
    timeouts: "inside",
    produces_artifacts: no.NO_ARTIFACTS,
    cache_max_age: "enforced",
  },
  "flyteidl2.core.RetryStrategy": {
    retries: "enforced",
    backoff: "inside",
  },
  "flyteidl2.core.Backoff": {
    base: "enforced",
    factor: "enforced",
    cap: "enforced",
  },
  "flyteidl2.core.TimeoutStrategy": {
    queued_timeout: "enforced",
    deadline: "enforced",
  },
  "flyteidl2.core.Container": {
    image: "enforced",
    command: "enforced",
    args: "enforced",
    resources: "inside",
    env: "enforced",
    config: no.NO_CONTAINER_CONFIG,
    ports: no.NO_PORTS,
    data_config: no.NO_RAW_CONTAINERS,
    architecture: no.NO_ARCHITECTURES,
  },
  "flyteidl2.core.Resources": {
    requests: "enforced",
    limits: "enforced",
  },
  "flyteidl2.core.ExtendedResources": {
    gpu_accelerator: no.NO_GPU_MODELS,
    shared_memory: "inside",
  },
  "flyteidl2.core.SharedMemory": {
    mount_path: { only: ["/dev/shm"], refuse: () => no.SHM_ELSEWHERE },
    mount_name: "kept",
    size_limit: "enforced",
  },
};
