/**
 * What Boxkite does with each field that a client can set on a task or a run. A field that it does not
 * act on is refused with its name; nothing is accepted and ignored. docs/protocol.md is made
 * from this table, and a test holds the table to the generated messages: a field that is in neither
 * list would fail it.
 */
import { isMessage, type DescField, type DescMessage, type Message } from "@bufbuild/protobuf";
import { reflect } from "@bufbuild/protobuf/reflect";
import { BoxkiteError } from "../domain/errors.ts";

/**
 * - enforced: it does what its documentation says.
 * - kept: it describes; it is stored and given back as it came.
 * - inside: its own fields are listed in a table of their own.
 * - refused: a call that sets it fails.
 * A list names the only values that are accepted.
 */
export type Support =
  | "enforced"
  | "kept"
  | "inside"
  | "refused"
  | { readonly only: readonly unknown[]; readonly why: string };

type FieldTable = Readonly<Record<string, Support>>;

export const SUPPORT: Readonly<Record<string, FieldTable>> = {
  "flyteidl2.workflow.CreateRunRequest": {
    run_id: "enforced",
    project_id: "enforced",
    task_id: "enforced",
    task_spec: "inside",
    trigger_name: "refused",
    inputs: "enforced",
    offloaded_input_data: "enforced",
    run_spec: "inside",
    source: "kept",
    run_start_time: "enforced",
  },
  "flyteidl2.actions.EnqueueRequest": {
    action: "inside",
    // The run's own specification applies to all its actions.
    run_spec: "refused",
  },
  "flyteidl2.actions.Action": {
    action_id: "enforced",
    parent_action_name: "enforced",
    input_uri: "enforced",
    // Where attempts write follows from the run (engine/paths.ts); the SDK sends the same place.
    run_output_base: "kept",
    group: "enforced",
    subject: "kept",
    task: "inside",
    trace: "enforced",
    condition: "enforced",
    recovered_from: "refused",
  },
  "flyteidl2.workflow.TaskAction": {
    id: "kept",
    // Checked where it is decoded, by its own table.
    spec: "enforced",
    cache_key: "enforced",
    queue: "refused",
  },
  "flyteidl2.task.RunSpec": {
    labels: "enforced",
    annotations: "kept",
    envs: "enforced",
    interruptible: { only: [false], why: "no machine of this server is interruptible" },
    overwrite_cache: "enforced",
    queue: "refused",
    raw_data_storage: "enforced",
    security_context: "refused",
    cache_config: "inside",
    notification_rule_name: "refused",
    notification_rules: "refused",
    run_start_time: "enforced",
    max_action_concurrency: "enforced",
    run_base_dir: "refused",
    related_to: "kept",
    cluster_pool: "refused",
    task_spec_source: "kept",
    relation: "enforced",
    recover: "enforced",
    default_settings: "refused",
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
    id: "enforced",
    type: { only: ["python", "raw-container", "actor", "typescript"], why: "other task types need a plugin" },
    metadata: "inside",
    interface: "kept",
    custom: "kept",
    container: "inside",
    k8s_pod: "refused",
    sql: "refused",
    task_type_version: "kept",
    security_context: "refused",
    extended_resources: "inside",
    config: "kept",
    reuse_policy: "refused",
    worker_kind: "refused",
  },
  "flyteidl2.core.TaskMetadata": {
    discoverable: "enforced",
    runtime: "kept",
    timeout: "enforced",
    retries: "enforced",
    discovery_version: "enforced",
    deprecated_error_message: "kept",
    interruptible: { only: [false], why: "no machine of this server is interruptible" },
    cache_serializable: "enforced",
    tags: "kept",
    pod_template_name: "refused",
    cache_ignore_input_vars: "enforced",
    is_eager: "kept",
    generates_deck: "kept",
    metadata: "kept",
    debuggable: "kept",
    log_links: "kept",
    image_build_run: "kept",
    is_entrypoint: "enforced",
    code_bundle_uri: "enforced",
    timeouts: "enforced",
    produces_artifacts: "refused",
    cache_max_age: "enforced",
  },
  "flyteidl2.core.Container": {
    image: "enforced",
    command: "enforced",
    args: "enforced",
    resources: "enforced",
    env: "enforced",
    config: "refused",
    ports: "refused",
    data_config: "refused",
    architecture: "refused",
  },
  "flyteidl2.core.ExtendedResources": {
    gpu_accelerator: "refused",
    shared_memory: "enforced",
  },
};

/** Throws FIELD_NOT_SUPPORTED naming the first field that is set and not acted on. */
export function requireSupported(schema: DescMessage, message: Message, path: string = schema.name): void {
  const table = SUPPORT[schema.typeName];
  if (table === undefined) return;
  const values = reflect(schema, message);
  for (const field of schema.fields) {
    if (!values.isSet(field) || isDefault(field, values.get(field))) continue;
    checkField(table[field.name] ?? "refused", field, values.get(field), `${path}.${field.name}`);
  }
}

function checkField(support: Support, field: DescField, value: unknown, path: string): void {
  if (support === "refused") {
    throw new BoxkiteError("FIELD_NOT_SUPPORTED", `${path} is set, and this server does not act on it`, {
      hint: "leave it unset; docs/protocol.md lists what is supported",
    });
  }
  if (support === "inside" && field.message !== undefined) {
    requireSupported(field.message, unwrap(value), path);
    return;
  }
  if (typeof support === "object" && !support.only.includes(plain(value))) {
    throw new BoxkiteError("FIELD_NOT_SUPPORTED", `${path} is ${String(plain(value))}: ${support.why}`, {
      hint: `leave it unset, or use one of: ${support.only.join(", ")}`,
    });
  }
}

/** Clients always send some empty messages and zero values; they ask for nothing. */
function isDefault(field: DescField, value: unknown): boolean {
  if (field.fieldKind === "message") return isEmptyMessage(unwrap(value)) && !isWrapper(field);
  if (field.fieldKind === "scalar" && field.presence === 2) return false;
  return value === "" || value === 0 || value === 0n || value === false;
}

function isWrapper(field: DescField): boolean {
  return field.message?.typeName.startsWith("google.protobuf.") ?? false;
}

function isEmptyMessage(message: Message): boolean {
  return Object.entries(message as unknown as Record<string, unknown>).every(
    ([name, value]) =>
      name.startsWith("$") ||
      value === undefined ||
      value === "" ||
      value === false ||
      value === 0 ||
      value === 0n ||
      (Array.isArray(value) && value.length === 0) ||
      (typeof value === "object" && value !== null && isEmptyPart(value)),
  );
}

function isEmptyPart(value: object): boolean {
  if (isMessage(value)) return isEmptyMessage(value);
  if ("case" in value) return value.case === undefined;
  return Object.keys(value).length === 0;
}

/** The reflection API hands out messages behind a wrapper. */
function unwrap(value: unknown): Message {
  return typeof value === "object" && value !== null && "message" in value
    ? (value as { message: Message }).message
    : (value as Message);
}

/** BoolValue and the like stand for the value in them. */
function plain(value: unknown): unknown {
  if (typeof value !== "object" || value === null) return value;
  const message = unwrap(value);
  return "value" in message ? message.value : message;
}
