/** What was asked for a run and its task, as named values. */
import type { ResourceAmounts } from "../task.ts";
import type { RunDocument } from "../run-document.ts";
import { changesOf, type Change, type Values } from "./changes.ts";

export function compareSettings(before: RunDocument, after: RunDocument): Change[] {
  const [old, now] = [before, after].map(settingsOf) as [Settings, Settings];
  return [
    ...changesOf(old.plain, now.plain),
    ...changesOf(old.bytes, now.bytes, "bytes"),
    ...changesOf(old.ms, now.ms, "ms"),
  ];
}

interface Settings {
  readonly plain: Values;
  readonly bytes: Values;
  readonly ms: Values;
}

function settingsOf({ run: { settings }, action }: RunDocument): Settings {
  const { task } = action;
  const [requests, limits] = [task?.requests, task?.limits];
  const shared = task?.sharedMemoryBytes;
  return {
    plain: {
      ...prefixed("label", settings.labels),
      ...prefixed("annotation", settings.annotations),
      "overwrite cache": String(settings.overwriteCache),
      "cache of the same project only": String(settings.cacheOfSameProject),
      "concurrent actions": textOf(settings.maxConcurrency),
      "queue of the run": settings.queue,
      "raw data in": settings.rawDataPrefix,
      recovers: settings.recovers,
      queue: action.queue === "" ? undefined : action.queue,
      cache: action.cacheStatus,
      "cache version": task?.cacheVersion,
      "task environment": task?.environment,
      "task type": task?.type,
      "pod template": task?.podTemplate,
      retries: textOf(task?.retries),
      ...devices("request", requests),
      ...devices("limit", limits),
      "shared memory": shared === "auto" ? shared : undefined,
    },
    bytes: {
      "memory request": textOf(requests?.memoryBytes),
      "memory limit": textOf(limits?.memoryBytes),
      "shared memory size": typeof shared === "number" ? String(shared) : undefined,
    },
    ms: {
      "longest wait": textOf(task?.queuedTimeoutMs),
      "longest run": textOf(task?.maxRuntimeMs),
      deadline: textOf(task?.deadlineMs),
    },
  };
}

function prefixed(kind: string, values: Readonly<Record<string, string>>): Values {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [`${kind} ${name}`, value]));
}

function devices(of: "request" | "limit", amounts: ResourceAmounts | undefined): Values {
  return { [`CPU ${of}`]: textOf(amounts?.cpu), [`GPU ${of}`]: textOf(amounts?.gpu) };
}

function textOf(number: number | undefined): string | undefined {
  return number === undefined ? undefined : String(number);
}
