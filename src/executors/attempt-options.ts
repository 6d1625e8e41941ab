/**
 * What an attempt may ask of its executor beyond image, arguments and resources. An executor
 * honours a field that is set, or refuses the attempt by the field's name: none is ignored.
 */
import type { ArchiveDirectory } from "../code-bundles/read-archive.ts";
import type { AttemptExit } from "../domain/attempt.ts";
import type { ReusePolicy } from "../domain/reuse-policy.ts";
import type { ResourceAmounts } from "../domain/task.ts";

export interface ContainerArchive {
  /** A tar file of the machine where the server runs, without compression. */
  readonly source: string;
  /** All that are in it, a folder before what is below it. */
  readonly directories: readonly ArchiveDirectory[];
  /** Absolute; it is made where the image does not have it. */
  readonly target: string;
  /** The image's USER, to whom the files belong. Podman finds out by itself who that is. */
  readonly owner: { readonly uid: number; readonly gid: number };
}

export interface MountOptions {
  /** Files and directories of the machine where the attempt runs, which it can only read. */
  readonly readOnlyMounts?: readonly { readonly source: string; readonly target: string }[];
  /** Archives that are unpacked into a directory of the container before its program starts. */
  readonly archives?: readonly ContainerArchive[];
  /** Empty directories on disk that go with the attempt, owned as the image's directories of that name. */
  readonly scratch?: readonly { readonly target: string }[];
  /** Empty directories in memory for every user of the image. */
  readonly tmpfs?: readonly { readonly target: string; readonly sizeBytes: number }[];
}

export interface SecurityOptions {
  /** Nothing but mounts can be written. */
  readonly readOnlyRoot?: boolean;
  /** No program of the image gains rights by being run: setuid does nothing. */
  readonly noNewPrivileges?: boolean;
  /** Of the kernel, without `CAP_`; `ALL` for all. */
  readonly droppedCapabilities?: readonly string[];
  /** The program that makes the container, by the engine's name for it: `runc`, `runsc`. */
  readonly ociRuntime?: string;
  /** A template of the server's settings, by name, which says what else the attempt may do. */
  readonly podTemplate?: string;
}

export interface NetworkOptions {
  /** By the executor's name for it; `none` for no network, with which an attempt does not reach the server either. */
  readonly network?: string;
  /** `none`: the server is reached, and no other machine. */
  readonly egress?: "none";
}

/** What must not be seen where an attempt's environment is shown. */
export interface SecretOptions {
  readonly secretVariables?: Readonly<Record<string, string>>;
  /** Absolute paths and contents, readable for every user of the image. */
  readonly secretFiles?: Readonly<Record<string, string>>;
}

/** What only a cluster can act on. */
export interface PlacementOptions {
  readonly annotations?: Readonly<Record<string, string>>;
  /** Labels that a node must have. */
  readonly nodes?: Readonly<Record<string, string>>;
  /** The cluster's names for what its nodes pull the image with. */
  readonly pullSecrets?: readonly string[];
  readonly serviceAccount?: string;
}

export interface ReuseOptions {
  /** The attempt may follow others of the same `shares` in one process, and others may follow it. */
  readonly reuse?: ReusePolicy & {
    /** Environment and version of the code; project and domain always count as well. */
    readonly shares: string;
  };
}

export interface AttemptOptions
  extends MountOptions, SecurityOptions, NetworkOptions, SecretOptions, PlacementOptions, ReuseOptions {}

export type AttemptOption = keyof AttemptOptions;

/** What is known of a task's attempts before there is one. */
export interface AttemptDemands extends AttemptOptions {
  readonly requests: ResourceAmounts;
  readonly limits: ResourceAmounts;
}

/** The end of an attempt that asks for what it cannot get, before it starts. */
export type Refusal = AttemptExit & Required<Pick<AttemptExit, "code" | "message" | "hint">>;

/** Each once: a field that is added to the types above does not compile before it stands here. */
const NAMES: Readonly<Record<AttemptOption, true>> = {
  readOnlyMounts: true,
  archives: true,
  scratch: true,
  tmpfs: true,
  readOnlyRoot: true,
  noNewPrivileges: true,
  droppedCapabilities: true,
  ociRuntime: true,
  podTemplate: true,
  network: true,
  egress: true,
  secretVariables: true,
  secretFiles: true,
  annotations: true,
  nodes: true,
  pullSecrets: true,
  serviceAccount: true,
  reuse: true,
};

export const ATTEMPT_OPTIONS = Object.keys(NAMES) as readonly AttemptOption[];

/** The end of an attempt that asks for what this executor cannot give; `where`: its name for people. */
export function refuseOptions(
  options: AttemptOptions,
  honoured: readonly AttemptOption[],
  where: string,
): Refusal | undefined {
  const refused = ATTEMPT_OPTIONS.find((name) => isAsked(options[name]) && !honoured.includes(name));
  return refused && refuseOption(refused, where);
}

export function refuseOption(name: AttemptOption, where: string): Refusal {
  return {
    reason: "start_failed",
    outOfMemory: false,
    code: "ATTEMPT_OPTION_UNSUPPORTED",
    message: `the attempt asks for ${name}, which ${where} cannot give`,
    hint: "remove it from the task, or run the server with an executor that can: boxkite up --engine …",
  };
}

/** Whether the value asks for something; an empty list does not. */
export function isAsked(value: AttemptOptions[AttemptOption]): boolean {
  if (value === undefined || value === false) return false;
  return typeof value !== "object" || Object.keys(value).length > 0;
}
