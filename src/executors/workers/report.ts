/** Reads what a worker reports. Code of tasks can write to the same socket, so nothing of it is trusted. */
import type { WorkerMode } from "../../domain/warm-start.ts";
import type { Report } from "../../domain/worker-protocol.ts";

const MODES: ReadonlySet<unknown> = new Set<WorkerMode>(["one_shot", "fork", "resident"]);

/** Undefined for a line that is no report of this version. */
export function decodeReport(line: string): Report | undefined {
  const fields = parse(line);
  const { event, id, code, mode, runtime, sdk, known, reason, preloaded, leftOut } = fields;
  switch (event) {
    case "ready":
      return isMode(mode) && isText(runtime) && isText(sdk) && isTexts(known)
        ? {
            event,
            mode,
            runtime,
            sdk,
            known,
            ...(isTexts(preloaded) && { preloaded }),
            ...(isTextsByName(leftOut) && { leftOut }),
          }
        : undefined;
    case "started":
      return isText(id) ? { event, id } : undefined;
    case "exited":
      return isText(id) && Number.isInteger(code) ? { event, id, code: Number(code) } : undefined;
    case "spoiled":
      return isText(reason) ? { event, reason } : undefined;
    default:
      return undefined;
  }
}

function parse(line: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === "object" && value !== null ? { ...value } : {};
  } catch {
    return {};
  }
}

function isText(value: unknown): value is string {
  return typeof value === "string";
}

function isTexts(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every(isText);
}

function isTextsByName(value: unknown): value is Readonly<Record<string, string>> {
  return typeof value === "object" && value !== null && Object.values(value).every(isText);
}

function isMode(value: unknown): value is WorkerMode {
  return MODES.has(value);
}
