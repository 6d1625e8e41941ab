/** A run of thousands of actions, put into a store as an earlier server would have left it. */
import { EVERYONE, LOCAL } from "../../src/domain/principal.ts";
import { join } from "node:path";
import { NO_RETRIES, type ActionState } from "../../src/domain/action.ts";
import { newTaskState } from "../../src/domain/initial-state.ts";
import { ROOT_ACTION } from "../../src/domain/ids.ts";
import { type TaskDefinition } from "../../src/domain/task.ts";
import type { NewAction } from "../../src/domain/action-record.ts";
import { NO_SETTINGS } from "../../src/domain/run.ts";
import { openSqliteStore } from "../../src/store/sqlite/sqlite-store.ts";

const BEGAN = Date.UTC(2026, 0, 2);
const DEFINITION: TaskDefinition = {
  name: "big.main",
  version: "1",
  shortName: "main",
  type: "python",
  environment: "big",
  image: "example.org/team/big:1",
  relatedImages: [],
  command: [],
  args: [],
  env: {},
  requests: {},
  limits: {},
  policy: NO_RETRIES,
  reads: [],
};

/** Every third child is in a group; the last one failed. */
export async function seedBigRun(dataDirectory: string, run: string, children: number): Promise<void> {
  const store = openSqliteStore(join(dataDirectory, "store.sqlite"));
  const root: NewAction = {
    ...action(ROOT_ACTION, "succeeded", 0),
    kind: "task",
    displayName: "main",
    spec: { digest: "big", bytes: new Uint8Array(), definition: DEFINITION },
  };
  const seeds = Array.from({ length: children }, (_, index) => ({
    ...action(`step${index}`, index === children - 1 ? "failed" : "succeeded", index),
    parent: ROOT_ACTION,
    group: index % 3 === 0 ? "mapped" : "",
  }));
  await store.createRun(
    {
      key: { project: "flytesnacks", domain: "development", run },
      spec: new Uint8Array(),
      settings: NO_SETTINGS,
      baseUri: "s3://boxkite/big",
      source: "",
      createdAt: BEGAN,
      createdBy: LOCAL,
      authority: EVERYONE,
    },
    root,
    [],
    seeds,
  );
  await store.close();
}

function action(name: string, phase: "succeeded" | "failed", index: number): NewAction {
  const at = BEGAN + index;
  const state: ActionState = {
    ...newTaskState(at),
    phase,
    startedAt: at,
    endedAt: at + 1_000,
    ...(phase === "failed"
      ? { error: { code: "Broken", message: "it broke", kind: "user", recoverable: false } }
      : {}),
  };
  return {
    name,
    kind: "trace",
    group: "",
    displayName: name,
    inputUri: "",
    policy: NO_RETRIES,
    state,
    grants: [],
  };
}
