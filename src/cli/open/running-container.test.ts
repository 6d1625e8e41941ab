import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { temporaryDirectory } from "../../../test/helpers/server.ts";
import type { EngineApi } from "../../containers/api.ts";
import { BoxkiteError } from "../../domain/errors.ts";
import { LABEL } from "../../executors/container/container-spec.ts";
import { workerDirectories } from "../../executors/container/worker-directories.ts";
import { Assignments } from "../../executors/workers/assignments.ts";
import { WORKER_PATH } from "../../domain/worker-protocol.ts";
import { silentLogger } from "../../lib/log.ts";
import { findRunningContainer } from "./running-container.ts";

interface Container {
  /** Its name, and its directory, where it is a worker. */
  readonly worker?: { readonly name: string; readonly directory: string };
  readonly id: string;
  readonly project: string;
  readonly attempt: string | undefined;
  readonly running: boolean;
}

function engineWith(containers: readonly Container[]): EngineApi {
  const labelsOf = ({ project, attempt, worker }: Container) =>
    worker === undefined ? ofAttempt(project, attempt) : { [LABEL.worker]: worker.name };
  const ofAttempt = (project: string, attempt: string | undefined) => ({
    [LABEL.run]: "r1",
    [LABEL.action]: "a0",
    [LABEL.project]: project,
    [LABEL.domain]: "development",
    ...(attempt !== undefined && { [LABEL.attempt]: attempt }),
  });
  const all = containers.map((each) => ({
    ...each,
    labels: labelsOf(each) as Record<string, string>,
    mounts: new Map(each.worker && [[WORKER_PATH, each.worker.directory]]),
  }));
  return {
    listContainers: async (wanted: readonly string[]) =>
      all.filter(({ labels }) =>
        wanted.every((label) =>
          Object.entries(labels).some(([name, value]) => [name, `${name}=${value}`].includes(label)),
        ),
      ),
    inspectContainer: async (id: string) => all.find((each) => each.id === id),
  } as unknown as EngineApi;
}

const NAME = { run: "r1", action: "a0" };
const failsWith = (code: string, hint: RegExp) => (error: unknown) =>
  error instanceof BoxkiteError && error.code === code && hint.test(error.hint ?? "");

test("the attempt that runs is found, not one before it and not what is no attempt", async () => {
  const api = engineWith([
    { id: "first", project: "p", attempt: "1", running: false },
    { id: "second", project: "p", attempt: "2", running: true },
    { id: "reproduction", project: "p", attempt: undefined, running: true },
  ]);
  assert.equal(await findRunningContainer(api, NAME, silentLogger), "second");
  const ended = failsWith("ACTION_NOT_RUNNING", /^to run it again .*: boxkite reproduce r1\/b --shell$/u);
  await assert.rejects(findRunningContainer(api, { ...NAME, action: "b" }, silentLogger), ended);
});

test("of actions of the same name in several projects, the project says which one is meant", async () => {
  const api = engineWith([
    { id: "p", project: "p", attempt: "1", running: true },
    { id: "q", project: "q", attempt: "1", running: true },
  ]);
  await assert.rejects(
    findRunningContainer(api, NAME, silentLogger),
    failsWith("CONFIG_INVALID", /--project/u),
  );
  assert.equal(await findRunningContainer(api, { ...NAME, project: "q" }, silentLogger), "q");
});

test("an action that runs in a worker is found by the files of its server", async (t) => {
  const data = await temporaryDirectory(t);
  const { directories, assignments } = workerDirectories(data);
  const opened = await Assignments.open(assignments, silentLogger);
  const key = { project: "p", domain: "development", ...NAME, attempt: 1 };
  const warm = { mode: "one_shot", pool: "x", worker: "w1", earlierAttempts: 0 } as const;
  await opened.record("a", { key, warm, id: "1", assignedAt: 1 });
  const worker = (name: string, running = true) => ({
    id: name,
    project: "",
    attempt: undefined,
    running,
    worker: { name, directory: join(directories, name) },
  });
  // As its mount may say where the engine is on another machine.
  const elsewhere = join(data, "elsewhere");
  const far = { ...worker("far"), worker: { name: "far", directory: join(elsewhere, "directories", "far") } };
  const api = engineWith([worker("w1"), worker("idle"), worker("ended", false), far]);
  assert.equal(await findRunningContainer(api, NAME, silentLogger), "w1");
  for (const other of [{ action: "b" }, { project: "q" }, { domain: "production" }])
    await assert.rejects(findRunningContainer(api, { ...NAME, ...other }, silentLogger), {
      code: "ACTION_NOT_RUNNING",
    });
  assert.equal(existsSync(elsewhere), false, "nothing is made there");
});
