/** What the disk damaged costs the attempt or the result that it belongs to, and holds nobody else up. */
import assert from "node:assert/strict";
import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { test, type TestContext } from "node:test";
import { createClient } from "@connectrpc/connect";
import { create } from "@bufbuild/protobuf";
import { objectPath } from "../../src/objects/directory/key-path.ts";
import { encodeTrailer } from "../../src/objects/directory/object-file.ts";
import { parseObjectUri } from "../../src/objects/uri.ts";
import { ActionPhase } from "../../src/wire/gen/flyteidl2/common/phase_pb.js";
import { TaskSpecSchema } from "../../src/wire/gen/flyteidl2/task/task_definition_pb.js";
import { RunService } from "../../src/wire/gen/flyteidl2/workflow/run_service_pb.js";
import { createFakeExecutor } from "../helpers/fake-executor.ts";
import { startInProcess } from "../helpers/in-process-server.ts";
import { until } from "../helpers/until.ts";

const runId = (name: string) => ({ project: "flytesnacks", domain: "development", name });

const task = (metadata: object) => ({
  case: "taskSpec" as const,
  value: create(TaskSpecSchema, {
    taskTemplate: {
      id: { name: "env.task", version: "1" },
      type: "python",
      metadata,
      target: { case: "container", value: { image: "fake:1", args: ["{{.outputPrefix}}"] } },
    },
  }),
});
const CACHED = task({ discoverable: true, discoveryVersion: "1" });

async function subject(t: TestContext) {
  const executor = createFakeExecutor();
  const { transport, directory } = await startInProcess(t, executor);
  const runs = createClient(RunService, transport);
  const details = async (run: string) =>
    (await runs.getActionDetails({ actionId: { run: runId(run), name: "a0" } })).details;
  return {
    /** Resolves with the file of the attempt's outputs. */
    start: async (run: string, of = task({})): Promise<string> => {
      await runs.createRun({ id: { case: "runId", value: runId(run) }, task: of });
      const attempt = () => executor.started.find(({ spec }) => spec.key.run === run);
      await until(async () => attempt() !== undefined);
      const { key = "" } = parseObjectUri(`${attempt()?.spec.args[0]}/outputs.pb`) ?? {};
      const file = objectPath(join(directory, "objects/objects"), key);
      await mkdir(dirname(file), { recursive: true });
      await writeFile(file, encodeTrailer({ key, size: 0, etag: '""', modifiedAt: 0 }));
      return file;
    },
    end: () => executor.end("a0"),
    details,
    isIn: (run: string, phase: ActionPhase) =>
      until(async () => (await details(run))?.status?.phase === phase),
    executor,
  };
}

test("an attempt whose outputs are damaged is lost, and another one is made", async (t) => {
  const { start, end, details } = await subject(t);
  const outputs = await start("one");
  await writeFile(outputs, "not an object");
  end();
  const first = async () => (await details("one"))?.attempts[0];
  await until(async () => (await first())?.endTime !== undefined);
  const { errorInfo } = (await first()) ?? {};
  assert.match(errorInfo?.message ?? "", /outputs\.pb@ is not an object/u);
});

test("a cached result that is damaged is computed anew", async (t) => {
  const { start, end, isIn, details } = await subject(t);
  const outputs = await start("one", CACHED);
  end();
  await isIn("one", ActionPhase.SUCCEEDED);
  await writeFile(outputs, "not an object");
  const again = await start("two", CACHED);
  assert.notEqual(again, outputs);
  end();
  await isIn("two", ActionPhase.SUCCEEDED);
  assert.equal((await details("two"))?.attempts.length, 1);
});
