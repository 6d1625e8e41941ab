/**
 * Loaded before a TypeScript program (`node --import`): at the start of a run or a deployment, or at the program's end,
 * writes the images of its environments to file descriptor 3, and ends it.
 */
import { writeSync } from "node:fs";
import { sharedState } from "../../../sdk/authoring/state.ts";
import { definitionOf } from "../../../sdk/authoring/task.ts";
import {
  environmentClosure,
  needsImage,
  type TaskEnvironment,
} from "../../../sdk/authoring/task-environment.ts";
import type { EnvironmentImage } from "./environment-image.ts";

const state = sharedState();

function report(deployed: readonly TaskEnvironment[]): never {
  const ofTasks = state.tasks.values().map((task) => definitionOf(task).environment);
  writeSync(
    3,
    JSON.stringify(
      environmentClosure([...deployed, ...ofTasks])
        .filter(needsImage)
        .map(imageOf),
    ),
  );
  process.exit(0);
}

function imageOf({ name, image }: TaskEnvironment): EnvironmentImage {
  const environment = name;
  if (typeof image === "string") return { environment, kind: "given", reference: image };
  if (image === undefined) return { environment, kind: "built", reference: "the project's packages" };
  const reference = image.refName === undefined ? image.base : state.config?.imageRefs[image.refName];
  if (reference === undefined && image.refName !== undefined)
    return { environment, kind: "unnamed", reference: image.refName };
  const isBuilt = image.refName === undefined ? image.needsBuild : image.layers.length > 0;
  return { environment, kind: isBuilt ? "built" : "given", reference: reference ?? "a Dockerfile" };
}

state.onStart = report;
process.once("beforeExit", () => report([]));
