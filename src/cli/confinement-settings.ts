/** What holds containers in: settings of the section `containers`, and the section `pod-templates`. */
import { BoxkiteError } from "../domain/errors.ts";
import type { ConfinementSettings } from "../executors/container/confinement.ts";
import { booleanOf, mappingOf, refuseUnknown, stringOf, wholeOf } from "./setting-values.ts";

export const CONFINEMENT_NAMES = [
  "no-new-privileges",
  "add-capabilities",
  "drop-capabilities",
  "max-processes",
  "memory-limit",
  "read-only-root",
  "writable",
  "egress",
  "isolation",
] as const;

/** As the SDK allows it to be written, and short enough to be shown. */
const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/u;
const CAPABILITY = /^[A-Z][A-Z0-9_]+$/u;
/** An OCI runtime by its name in the engine; a path would let the settings run any program as the engine. */
const RUNTIME = /^[A-Za-z0-9][A-Za-z0-9._-]*$/u;
/** What the kernel counts up to on 64-bit machines (PID_MAX_LIMIT). */
const MOST_PROCESSES = 4_194_304;

type Mapping = Readonly<Record<string, unknown>>;

/** Throws CONFIG_INVALID naming the template and the setting. */
export function readPodTemplates(value: unknown): ReadonlyMap<string, ConfinementSettings> {
  const templates = Object.entries(mappingOf(value, "pod-templates")).map(([name, settings]) => {
    const what = `pod-templates: ${name}`;
    if (!NAME.test(name))
      throw new BoxkiteError(
        "CONFIG_INVALID",
        `${what} is no name of a template; use letters, digits, ".", - and _`,
      );
    const mapping = mappingOf(settings, what);
    refuseUnknown(mapping, CONFINEMENT_NAMES, what);
    return [name, readConfinement(mapping, what)] as const;
  });
  return new Map(templates);
}

/** `what`: the section, for messages. Throws CONFIG_INVALID. */
export function readConfinement(mapping: Mapping, what: string): ConfinementSettings {
  const of = (name: (typeof CONFINEMENT_NAMES)[number]) => [mapping[name], `${what}: ${name}`] as const;
  const noNewPrivileges = booleanOf(...of("no-new-privileges"));
  const memoryLimit = booleanOf(...of("memory-limit"));
  const readOnlyRoot = booleanOf(...of("read-only-root"));
  const addCapabilities = listOf(...of("add-capabilities"), isCapability, "a capability such as SYS_PTRACE");
  const dropCapabilities = listOf(
    ...of("drop-capabilities"),
    isCapability,
    "a capability such as CHOWN, or ALL",
  );
  const writable = listOf(...of("writable"), isDirectory, "the absolute path of a directory");
  const isolation = stringOf(...of("isolation"));
  const [processes, processesName] = of("max-processes");
  if (isolation !== undefined && !RUNTIME.test(isolation))
    throw new BoxkiteError(
      "CONFIG_INVALID",
      `${what}: isolation is ${JSON.stringify(isolation)}; it must be the name of an OCI runtime in the engine`,
    );
  const [egress, egressName] = of("egress");
  if (egress !== undefined && egress !== "all" && egress !== "none")
    throw new BoxkiteError(
      "CONFIG_INVALID",
      `${egressName} is ${JSON.stringify(egress)}; it must be all or none`,
    );
  return {
    ...(noNewPrivileges !== undefined && { noNewPrivileges }),
    ...(addCapabilities !== undefined && { addCapabilities }),
    ...(dropCapabilities !== undefined && { dropCapabilities }),
    ...(processes !== undefined && { maxProcesses: wholeOf(processes, processesName, 1, MOST_PROCESSES) }),
    ...(memoryLimit !== undefined && { memoryLimit }),
    ...(readOnlyRoot !== undefined && { readOnlyRoot }),
    ...(writable !== undefined && { writable }),
    ...(egress !== undefined && { egress }),
    ...(isolation !== undefined && { isolation }),
  };
}

function isCapability(name: string): boolean {
  return CAPABILITY.test(name) && !name.startsWith("CAP_");
}

function isDirectory(path: string): boolean {
  return path.startsWith("/") && path.length > 1 && !/[:\n]|(?:^|\/)\.\.?(?:\/|$)/u.test(path);
}

function listOf(
  value: unknown,
  what: string,
  isValid: (text: string) => boolean,
  wanted: string,
): readonly string[] | undefined {
  if (value === undefined) return undefined;
  if (!Array.isArray(value)) throw new BoxkiteError("CONFIG_INVALID", `${what} is not a list`);
  return value.map((each: unknown) => {
    if (typeof each === "string" && isValid(each)) return each;
    throw new BoxkiteError("CONFIG_INVALID", `${what} has ${JSON.stringify(each)}; it must be ${wanted}`);
  });
}
