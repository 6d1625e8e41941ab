/** Calls that start or deploy a task whose image certainly cannot run are refused, with what mends it. */
import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { enqueueRequest, SCOPE, taskSpec } from "../../bench/helpers/requests.ts";
import { DEFAULT_QUOTAS } from "../../src/domain/quotas.ts";
import type { ImageFacts } from "../../src/domain/image-facts.ts";
import type { ServerOptions } from "../../src/server/server.ts";
import { RelationType } from "../../src/wire/gen/flyteidl2/common/run_pb.js";
import { ActionsService } from "../../src/wire/gen/flyteidl2/actions/actions_service_pb.js";
import { TaskService } from "../../src/wire/gen/flyteidl2/task/task_service_pb.js";
import { RunService } from "../../src/wire/gen/flyteidl2/workflow/run_service_pb.js";
import { createFakeExecutor } from "../helpers/fake-executor.ts";
import { imageFacts, PYTHON } from "../helpers/image-facts.ts";
import { startInProcess } from "../helpers/in-process-server.ts";
import { until } from "../helpers/until.ts";

const OLD = imageFacts({ pythons: [{ ...PYTHON, packages: { flyte: "2.0.12" } }] });
const LOCKED = imageFacts({ workdir: { path: "/srv", writable: false } });

const FACTS: Readonly<Record<string, ImageFacts>> = { "team/old:1": OLD, "team/locked:1": LOCKED };

async function setup(t: TestContext, options: Partial<ServerOptions> = {}) {
  let digest = "sha256:1";
  const executor = {
    ...createFakeExecutor(),
    resolveImage: async (reference: string) => ({
      reference,
      pinned: `${reference}@${digest}`,
      digest,
      source: "registry" as const,
    }),
    checker: {
      readPresent: () => assert.fail("they are known"),
      findKnown: async ({ reference }: { readonly reference: string }) => FACTS[reference] ?? imageFacts(),
      check: () => assert.fail("images are not pulled to check them"),
      importTask: () => assert.fail("nothing is imported"),
      close: () => {},
    },
  };
  const { transport, url } = await startInProcess(t, executor, options);
  const runs = createClient(RunService, transport);
  return {
    /** All tags name other content from now on. */
    move: () => (digest = "sha256:2"),
    imageOf: async (run: string) => {
      await until(async () => executor.started.some(({ spec }) => spec.key.run === run));
      return executor.started.find(({ spec }) => spec.key.run === run)?.spec.image.pinned;
    },
    notes: async (run: string) => {
      const { domain, project } = SCOPE;
      const page = await fetch(`${url}/v2/domain/${domain}/project/${project}/runs/${run}`);
      return /<section id="notes".*?<\/section>/su.exec(await page.text())?.[0] ?? "";
    },
    runs,
    tasks: createClient(TaskService, transport),
    actions: createClient(ActionsService, transport),
    create: (name: string, image: string, startedBy?: string) =>
      runs.createRun({
        id: { case: "runId", value: { ...SCOPE, name } },
        task: { case: "taskSpec", value: task(image) },
        ...(startedBy !== undefined && {
          runSpec: {
            relation: { relationType: RelationType.SPAWN, relatedTo: { ...SCOPE, name: startedBy } },
          },
        }),
      }),
  };
}

const task = (image: string) => taskSpec({ command: ["a0"], image });

/** Not FailedPrecondition, after which the stock SDK sends a child again for ever. */
function isRefusal(error: unknown): true {
  const { code, message, metadata } = ConnectError.from(error);
  assert.equal(code, Code.InvalidArgument);
  assert.match(
    message,
    /no task can run in the image team\/old:1: flyte 2\.0\.12 .*hint: in its Dockerfile: RUN /su,
  );
  assert.equal(metadata.get("boxkite-error-code"), "IMAGE_CANNOT_RUN");
  return true;
}

test("a run, a deployed task and a child are refused for an image that cannot run them", async (t) => {
  const { runs, tasks, actions, create } = await setup(t);
  await assert.rejects(create("refused", "team/old:1"), isRefusal);
  await assert.rejects(runs.getRunDetails({ runId: { ...SCOPE, name: "refused" } }), { code: Code.NotFound });

  const taskId = { ...SCOPE, name: "bench.task", version: "1" };
  await assert.rejects(tasks.deployTask({ taskId, spec: task("team/old:1") }), isRefusal);
  await assert.rejects(tasks.getTaskDetails({ taskId }), { code: Code.NotFound });
  await tasks.deployTask({ taskId, spec: task("team/good:1") });

  await create("r", "team/good:1");
  await assert.rejects(actions.enqueue(enqueueRequest("r", "c1", task("team/old:1"))), isRefusal);
  await actions.enqueue(enqueueRequest("r", "c1", task("team/good:1")));
  // Sent again by a parent that is retried, after its image has changed.
  await assert.rejects(actions.enqueue(enqueueRequest("r", "c1", task("team/old:1"))), {
    code: Code.AlreadyExists,
  });
});

test("a run that is sent again exists, whatever its image is by then", async (t) => {
  const { create } = await setup(t);
  await create("r", "team/good:1");
  await assert.rejects(create("r", "team/old:1"), { code: Code.AlreadyExists });
});

test("a run that is refused for its image is not counted", async (t) => {
  const { create } = await setup(t, { quotas: { ...DEFAULT_QUOTAS, startedRuns: 1 } });
  await create("r", "team/good:1");
  await assert.rejects(create("refused", "team/old:1", "r"), isRefusal);
  await create("accepted", "team/good:1", "r");
});

test("what does not refuse a run is noted on its page, once", async (t) => {
  const { notes, actions, create } = await setup(t, { imageCheck: { isStrict: true } });
  await create("r", "team/locked:1");
  for (const name of ["c1", "c2"]) await actions.enqueue(enqueueRequest("r", name, task("team/locked:1")));
  const section = await notes("r");
  assert.equal(section.match(/WORKDIR_NOT_WRITABLE/gu)?.length, 1, section);
  assert.match(section, /team\/locked:1.*may not write to its WORKDIR \/srv.*What to do/su);
});

test("a tag that has moved is noted, and used or not by the policy", async (t) => {
  for (const [imagePolicy, used, text] of [
    ["always", "team/good:1@sha256:2", /changed since run r1: the same Python packages/u],
    ["pinned", "team/good:1@sha256:1", /this run uses the one that run r1 used.*images unpin team\/good:1/su],
  ] as const) {
    const { move, imageOf, notes, create } = await setup(t, { imagePolicy });
    await create("r1", "team/good:1");
    assert.match(await notes("r1"), / hidden/u);
    move();
    await create("r2", "team/good:1");
    assert.equal(await imageOf("r2"), used);
    let noted = "";
    await until(async () => (noted = await notes("r2")).includes("TAG_MOVED"));
    assert.match(noted, text);
  }
});

test("nothing is refused where the check is switched off", async (t) => {
  const { create } = await setup(t, { imageCheck: "off" });
  await create("r", "team/old:1");
});
