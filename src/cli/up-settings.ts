/** Settings of `boxkite up`: flag, else BOXKITE_* variable, else file, else default. */
import { BoxkiteError } from "../domain/errors.ts";
import type { ConfinementPolicy } from "../executors/container/confinement.ts";
import type { NetworkSettings } from "../executors/container/join-network.ts";
import type { InheritedSettings } from "../executors/container/inherited.ts";
import { defaultParallelism } from "../executors/process/process-executor.ts";
import type { Queues } from "../domain/queue.ts";
import type { Quotas } from "../domain/quotas.ts";
import type { Registries } from "../images/registry/registries.ts";
import { createEgressRule, type EgressRule } from "../lib/egress.ts";
import { DEFAULT_MAX_LOG_BYTES } from "../logs/attempt-logs.ts";
import type { ImagePolicy } from "../orchestrator/images.ts";
import { DEFAULT_LINGER_MS } from "../orchestrator/orchestrator.ts";
import type { WarmStarts } from "../platform/warm-starts.ts";
import type { SharedPorts } from "../server/shared-ports.ts";
import { readAccess, type AccessSettings } from "./access-settings.ts";
import { invalidSetting, wholeNumber, yesOrNo } from "./check-setting.ts";
import type { CommandInput } from "./command.ts";
import { dataDirectory } from "./data-directory.ts";
import { DEFAULT_PORT } from "./default-port.ts";
import type { SecretScopes } from "./scope-settings.ts";
import { readWarmStarts } from "./warm-settings.ts";
import { findPath, findSetting, readSettingsFile, type SettingName } from "./settings-file.ts";

export type EngineName = "auto" | "podman" | "docker" | "process";

export interface UpSettings {
  readonly port: number;
  readonly access: AccessSettings;
  readonly data: string;
  readonly ephemeral: boolean;
  readonly engine: EngineName;
  readonly python: string | undefined;
  readonly maxParallel: number;
  readonly queues: Queues;
  readonly quotas: Quotas;
  readonly capCpu: boolean;
  readonly strictImages: boolean;
  readonly warmStarts: WarmStarts;
  /** Whether images are checked before runs start. */
  readonly imageCheck: boolean;
  readonly imagePolicy: ImagePolicy;
  readonly lingerMs: number;
  readonly maxLogBytes: number;
  readonly keepLogsDays: number;
  readonly keepAuditDays: number;
  readonly json: boolean;
  readonly quiet: boolean;
  readonly verbose: boolean;
  readonly registries: Registries;
  readonly egress: EgressRule;
  readonly secrets: SecretScopes;
  readonly containers: InheritedSettings;
  readonly policy: ConfinementPolicy;
  readonly networks: NetworkSettings;
  readonly sharedPorts: SharedPorts;
}

const ENGINES: readonly EngineName[] = ["auto", "podman", "docker", "process"];
const IMAGE_POLICIES: readonly ImagePolicy[] = ["always", "pinned"];
const MIB = 1024 * 1024;
const DEFAULT_KEEP_LOGS_DAYS = 30;
const DEFAULT_KEEP_AUDIT_DAYS = 90;

/** Throws CONFIG_INVALID naming the setting and where it came from. */
export async function readUpSettings(input: CommandInput): Promise<UpSettings> {
  const { values } = input;
  const file = await readSettingsFile(input);
  const lookUp = (name: SettingName) => findSetting(name, input, file);
  const whole = (name: SettingName, fallback: number, min: number, max: number) =>
    wholeNumber(lookUp(name), fallback, min, max);
  const yes = (name: SettingName, fallback = false) => yesOrNo(lookUp(name), fallback);
  const engine = lookUp("engine") ?? { value: "auto", origin: "" };
  if (!(ENGINES as readonly string[]).includes(engine.value))
    throw invalidSetting(engine, `one of ${ENGINES.join(", ")}`);
  const python = findPath("python", input, file);
  if (python !== undefined && engine.value !== "process") {
    throw new BoxkiteError("CONFIG_INVALID", `${python.origin} is for --engine process only`, {
      hint: "add --engine process; in containers, the image has the interpreter",
    });
  }
  if (engine.value === "process" && file.sharedPorts.size > 0) {
    throw new BoxkiteError("CONFIG_INVALID", "share-ports is for containers, and --engine process has none", {
      hint: "leave it out: tasks reach this machine's services at localhost",
    });
  }
  const policy = lookUp("image-policy") ?? { value: "always", origin: "" };
  if (!(IMAGE_POLICIES as readonly string[]).includes(policy.value))
    throw invalidSetting(policy, IMAGE_POLICIES.join(" or "));
  const ephemeral = yes("ephemeral");
  if (ephemeral && values["data"] !== undefined) {
    throw new BoxkiteError("CONFIG_INVALID", "--ephemeral and --data exclude each other");
  }
  if (values["quiet"] === true && values["verbose"] === true) {
    throw new BoxkiteError("CONFIG_INVALID", "--quiet and --verbose exclude each other");
  }
  const maxParallel = whole("max-parallel", defaultParallelism(), 1, 10_000);
  return {
    port: whole("port", DEFAULT_PORT, 0, 65_535),
    access: readAccess(input, file),
    data: dataDirectory(input, file),
    ephemeral,
    engine: engine.value as EngineName,
    python: python?.value,
    maxParallel,
    queues: file.queues,
    quotas: file.quotas,
    capCpu: yes("cap-cpu"),
    strictImages: yes("strict-images"),
    warmStarts: readWarmStarts(input, file, { engine: engine.value, maxParallel }),
    imagePolicy: policy.value as ImagePolicy,
    imageCheck: values["no-image-check"] !== true && yes("image-check", true),
    lingerMs: whole("linger-seconds", DEFAULT_LINGER_MS / 1000, 0, 86_400) * 1000,
    maxLogBytes: whole("max-log-mib", DEFAULT_MAX_LOG_BYTES / MIB, 1, 1_048_576) * MIB,
    keepLogsDays: whole("keep-logs-days", DEFAULT_KEEP_LOGS_DAYS, 0, 36_500),
    keepAuditDays: whole("keep-audit-days", DEFAULT_KEEP_AUDIT_DAYS, 0, 36_500),
    json: values["json"] === true,
    quiet: values["quiet"] === true,
    verbose: values["verbose"] === true,
    registries: file.registries,
    egress: createEgressRule({ allowance: file.egress }),
    secrets: file.secrets,
    containers: file.containers,
    policy: file.policy,
    networks: file.networks,
    sharedPorts: file.sharedPorts,
  };
}
