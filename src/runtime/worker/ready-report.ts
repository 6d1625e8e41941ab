import type { WorkerMode } from "../../domain/warm-start.ts";
import type { Report } from "../../domain/worker-protocol.ts";
import { SDK_VERSION } from "../../sdk/authoring/task-spec.ts";

/** The first line of each connection; `known`: the attempts that have started. */
export function readyReport(mode: WorkerMode, known: readonly string[]): Report {
  return { event: "ready", mode, runtime: process.versions.node, sdk: SDK_VERSION, known };
}
