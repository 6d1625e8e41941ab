/**
 * What holds a task's container in: the defaults, what the server's settings and a pod template of them say instead,
 * and what the attempt itself asks for. The engine's own seccomp profile always stays.
 */
import type { AttemptOptions, Refusal } from "../attempt-options.ts";

/** Each may be left out: then what comes before it holds, in the end the default. */
export interface ConfinementSettings {
  /** setuid programs and file capabilities give a process nothing. @default true */
  readonly noNewPrivileges?: boolean;
  /** Beyond the default ones, as capabilities(7) names them, without `CAP_`. */
  readonly addCapabilities?: readonly string[];
  /** Of the default ones; `ALL` for all. */
  readonly dropCapabilities?: readonly string[];
  /** Processes and threads at the same time. @default 4096 */
  readonly maxProcesses?: number;
  /** Whether a task that asks for no memory has a limit. @default true */
  readonly memoryLimit?: boolean;
  /** Only `writable` directories, and /tmp, can be written. @default false */
  readonly readOnlyRoot?: boolean;
  /** Absolute paths of directories that stay writable beside `readOnlyRoot`. */
  readonly writable?: readonly string[];
  /** Which machines beside the server's its processes may connect to. @default all */
  readonly egress?: "all" | "none";
  /** The OCI runtime, by its name in the engine: `runsc`, `kata`. @default the engine's own */
  readonly isolation?: string;
}

export interface ConfinementPolicy {
  /** Of every container. */
  readonly settings: ConfinementSettings;
  /** By name, what tasks may ask for with `pod_template`; it goes before `settings`. */
  readonly templates: ReadonlyMap<string, ConfinementSettings>;
}

export const NO_POLICY: ConfinementPolicy = { settings: {}, templates: new Map() };

/** What holds for one container. */
export interface Confinement extends Required<Omit<ConfinementSettings, "isolation">> {
  readonly isolation: string | undefined;
}

/** What entrypoints that change their user, and package managers, need. */
export const CAPABILITIES = [
  "CHOWN",
  "DAC_OVERRIDE",
  "FOWNER",
  "FSETID",
  "KILL",
  "NET_BIND_SERVICE",
  "SETGID",
  "SETUID",
] as const;

export const MAX_PROCESSES = 4_096;

const DEFAULTS: Confinement = {
  noNewPrivileges: true,
  addCapabilities: [],
  dropCapabilities: [],
  maxProcesses: MAX_PROCESSES,
  memoryLimit: true,
  readOnlyRoot: false,
  writable: [],
  egress: "all",
  isolation: undefined,
};

/** The attempt itself can only ask for more confinement. Of a template that there is not, the defaults and settings hold. */
export function confine(spec: AttemptOptions, { settings, templates }: ConfinementPolicy): Confinement {
  const template = templates.get(spec.podTemplate ?? "");
  const merged: Confinement = { ...DEFAULTS, ...settings, ...template };
  return {
    ...merged,
    noNewPrivileges: merged.noNewPrivileges || spec.noNewPrivileges === true,
    dropCapabilities: [...merged.dropCapabilities, ...(spec.droppedCapabilities ?? [])],
    readOnlyRoot: merged.readOnlyRoot || spec.readOnlyRoot === true,
    egress: spec.egress ?? merged.egress,
    isolation: spec.ociRuntime ?? merged.isolation,
  };
}

/** In the order of `CAPABILITIES`, then what was added. */
export function capabilitiesOf({ addCapabilities, dropCapabilities }: Confinement): string[] {
  const all: string[] = [...new Set([...CAPABILITIES, ...addCapabilities])];
  return dropCapabilities.includes("ALL") ? [] : all.filter((name) => !dropCapabilities.includes(name));
}

const GIB = 1024 ** 3;

/**
 * Bytes for a container whose task asks for no memory: the machine's less 10 %, at least 1 GiB, which stay for this
 * server and the engine; of a machine with less than 2 GiB one half.
 */
export function memoryLimitOfMachine(machineBytes: number): number {
  return Math.max(machineBytes - Math.max(GIB, machineBytes * 0.1), machineBytes / 2);
}

/** What differs from the defaults and who said so, for the reader of the run; undefined where nothing does. */
export function confinementNote(spec: AttemptOptions, policy: ConfinementPolicy): string | undefined {
  const { podTemplate } = spec;
  const differences = differencesOf(confine(spec, policy));
  if (podTemplate === undefined && differences.length === 0) return undefined;
  const who = podTemplate === undefined ? "by the server's settings" : `by the pod template ${podTemplate}`;
  return `${who}: ${differences.join("; ") || "nothing differs from the defaults of containers"}`;
}

function differencesOf(confinement: Confinement): string[] {
  const { isolation, maxProcesses, readOnlyRoot, writable } = confinement;
  const given = capabilitiesOf(confinement);
  const added = given.filter((name) => !(CAPABILITIES as readonly string[]).includes(name));
  const dropped = CAPABILITIES.filter((name) => !given.includes(name));
  return [
    !confinement.noNewPrivileges && "programs may gain privileges (setuid)",
    added.length > 0 && `capabilities added: ${added.join(", ")}`,
    dropped.length > 0 && `capabilities dropped: ${dropped.join(", ")}`,
    maxProcesses !== MAX_PROCESSES && `at most ${maxProcesses} processes`,
    !confinement.memoryLimit && "no memory limit unless the task asks for one",
    readOnlyRoot && `only ${["/tmp", ...writable].join(", ")} can be written`,
    confinement.egress === "none" && "no connection to other machines",
    isolation !== undefined && `OCI runtime ${isolation}`,
  ].filter((text) => text !== false);
}

/** The end of an attempt whose task asks for a template that the server's settings do not have. */
export function unknownTemplate(
  { podTemplate }: AttemptOptions,
  { templates }: ConfinementPolicy,
): Refusal | undefined {
  if (podTemplate === undefined || templates.has(podTemplate)) return undefined;
  const known = [...templates.keys()].join(", ");
  return {
    reason: "start_failed",
    outOfMemory: false,
    code: "POD_TEMPLATE_UNKNOWN",
    message: `the settings of this server have no pod template ${podTemplate}`,
    hint: known
      ? `use one of ${known}, or leave pod_template (TypeScript: podTemplate) out; who runs the server can add it under pod-templates in its settings file`
      : "leave pod_template (TypeScript: podTemplate) out; who runs the server can add it under pod-templates in its settings file",
  };
}
