/** Whether the server brings a task's code into its container, and how; see docs/decisions/0015-code-is-brought-where-it-cannot-be-fetched.md. */
import { posix } from "node:path";
import { parseCodeBundle, type CodeBundle } from "../../code-bundles/bundle-arguments.ts";
import type { CodeBundles } from "../../code-bundles/code-bundles.ts";
import type { PreparedBundle } from "../../code-bundles/prepared-bundle.ts";
import type { EngineName } from "../../containers/types.ts";
import type { ContainerFacts, ImageFacts } from "../../domain/image-facts.ts";
import type { Confinement } from "./confinement.ts";
import { putsIntoReadOnlyRoot } from "./put-archives.ts";
import type { AttemptSpec } from "../executor.ts";
import type { PlacedCode } from "../start-adapter.ts";

export interface CodeContext {
  readonly bundles: Pick<CodeBundles, "prepare" | "unpack">;
  readonly engine: EngineName;
  /** Whether the engine mounts files of this machine: not where it is on another one. */
  readonly mountsFiles: boolean;
  /** Of the attempt. */
  readonly confinement: Pick<Confinement, "readOnlyRoot" | "writable">;
}

type Spec = Pick<AttemptSpec, "key" | "command" | "args" | "readOnlyMounts" | "scratch" | "tmpfs">;

/** Each of them is a file of the bundle. */
export const MOST_MOUNTS = 500;
/** What every container has mounted. */
const OWN_MOUNTS = ["/dev", "/proc", "/sys"];

/**
 * Undefined: the task fetches and unpacks its code itself, if it has any: where it can, and where the server cannot. `spec`:
 * as it will be started.
 */
export async function placeCode(
  spec: Spec,
  facts: ImageFacts,
  context: CodeContext,
): Promise<PlacedCode | undefined> {
  const { bundles, confinement, engine, mountsFiles } = context;
  const bundle = parseCodeBundle(spec.args);
  const owner = facts.container.user;
  if (bundle === undefined || owner === undefined) return undefined;
  const target = posix.resolve("/", workingDirectory(spec, facts), bundle.destination);
  const mounts = mountsOf(spec, facts, confinement);
  const isMounted = mounts.some((mount) => isBelow(target, mount));
  const isWritable = isMounted || !confinement.readOnlyRoot;
  if (isWritable && unpacksItself(bundle, target, facts.container)) return undefined;
  const prepared = await bundles.prepare(bundle, spec.key);
  if (prepared === undefined) return undefined;
  const adaptation = { kind: "code", uri: bundle.uri, target } as const;
  const isHidden = isMounted || mounts.some((mount) => hides(mount, target, prepared));
  if (!isHidden && (!confinement.readOnlyRoot || putsIntoReadOnlyRoot(engine))) {
    const { uid, gid } = owner;
    const { archive: source, directories } = prepared;
    return { options: { archives: [{ source, directories, target, owner: { uid, gid } }] }, adaptation };
  }
  if (!mountsFiles) return undefined;
  const files = await bundles.unpack(prepared);
  if (files === undefined || files.length > MOST_MOUNTS) return undefined;
  const readOnlyMounts = files.map(({ name, path }) => ({ source: path, target: posix.join(target, name) }));
  return { options: { readOnlyMounts }, adaptation };
}

/** An ENTRYPOINT may have changed it; the check saw the program that it starts. */
function workingDirectory({ command }: Spec, { config, container }: ImageFacts): string {
  const isKept = command.length === 0 && container.entrypoint === "passes";
  return (isKept ? container.workdir?.path : undefined) ?? (config.workdir || "/");
}

function mountsOf(
  { readOnlyMounts = [], scratch = [], tmpfs = [] }: Spec,
  { config }: ImageFacts,
  { readOnlyRoot, writable }: CodeContext["confinement"],
): readonly string[] {
  const targets = [...readOnlyMounts, ...scratch, ...tmpfs].map((mount) => mount.target);
  return [...OWN_MOUNTS, ...config.volumes, ...targets, ...(readOnlyRoot ? ["/tmp", ...writable] : [])];
}

/** Whether files of the bundle would be beneath a mount that is below its folder, where nobody sees them. */
function hides(mount: string, target: string, { top }: PreparedBundle): boolean {
  const path = posix.relative(target, posix.resolve("/", mount));
  return !path.startsWith("..") && top.includes(path.split("/")[0] ?? "");
}

/** Also where they are the same. */
function isBelow(path: string, folder: string): boolean {
  return !posix.relative(posix.resolve("/", folder), path).startsWith("..");
}

/** Whether the SDK can in this image. The check tried to write to the working directory; elsewhere root can. */
function unpacksItself({ kind }: CodeBundle, target: string, container: ContainerFacts): boolean {
  const { workdir, user, programs } = container;
  const isChecked = workdir !== undefined && isBelow(target, workdir.path);
  const isWritable = isChecked ? workdir.writable : user?.uid === 0;
  return isWritable && (kind === "pkl" || programs["tar"] !== undefined);
}
