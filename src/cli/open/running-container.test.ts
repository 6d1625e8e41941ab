import assert from "node:assert/strict";
import { test } from "node:test";
import type { EngineApi } from "../../containers/api.ts";
import { BoxkiteError } from "../../domain/errors.ts";
import { LABEL } from "../../executors/container/container-spec.ts";
import { findRunningContainer } from "./running-container.ts";

interface Container {
  readonly id: string;
  readonly project: string;
  readonly attempt: string | undefined;
  readonly running: boolean;
}

function engineWith(containers: readonly Container[]): EngineApi {
  const labelsOf = ({ project, attempt }: Container) => ({
    [LABEL.run]: "r1",
    [LABEL.action]: "a0",
    [LABEL.project]: project,
    [LABEL.domain]: "development",
    ...(attempt !== undefined && { [LABEL.attempt]: attempt }),
  });
  const all = containers.map((each) => ({ ...each, labels: labelsOf(each) as Record<string, string> }));
  return {
    listContainers: async (wanted: readonly string[]) =>
      all.filter(({ labels }) =>
        wanted.every((label) => Object.entries(labels).some((pair) => pair.join("=") === label)),
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
  assert.equal(await findRunningContainer(api, NAME), "second");
  const ended = failsWith("ACTION_NOT_RUNNING", /^to run it again .*: boxkite reproduce r1\/b --shell$/u);
  await assert.rejects(findRunningContainer(api, { ...NAME, action: "b" }), ended);
});

test("of actions of the same name in several projects, the project says which one is meant", async () => {
  const api = engineWith([
    { id: "p", project: "p", attempt: "1", running: true },
    { id: "q", project: "q", attempt: "1", running: true },
  ]);
  await assert.rejects(findRunningContainer(api, NAME), failsWith("CONFIG_INVALID", /--project/u));
  assert.equal(await findRunningContainer(api, { ...NAME, project: "q" }), "q");
});
