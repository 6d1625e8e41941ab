/** Logs of attempts that have none: the caller gets the reason, or the log of the next attempt. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { create } from "@bufbuild/protobuf";
import { ConnectError, createClient } from "@connectrpc/connect";
import { BoxkiteError } from "../../src/domain/errors.ts";
import { DataProxyService } from "../../src/wire/gen/flyteidl2/dataproxy/dataproxy_service_pb.js";
import { TaskSpecSchema } from "../../src/wire/gen/flyteidl2/task/task_definition_pb.js";
import { RunService } from "../../src/wire/gen/flyteidl2/workflow/run_service_pb.js";
import { createFakeExecutor } from "../helpers/fake-executor.ts";
import { startInProcess } from "../helpers/in-process-server.ts";
import { until } from "../helpers/until.ts";

test(
  "an attempt that ended without a log is not waited for; without a number the next one is read",
  { timeout: 60_000 },
  async (t) => {
    const resolving = Promise.withResolvers<void>();
    const unreachable = new BoxkiteError("REGISTRY_UNREACHABLE", "registry.test does not answer");
    let asked = 0;
    const fake = createFakeExecutor();
    const { transport } = await startInProcess(t, {
      ...fake,
      // Asked for the run, which goes on without it, and by its first attempt, which ends before it writes.
      resolveImage: async (reference) => {
        asked++;
        if (asked === 1) throw unreachable;
        if (asked === 2) await resolving.promise;
        return fake.resolveImage(reference);
      },
      start: async (spec, log, observer) => {
        log.write("stdout", "second", Date.now());
        await fake.start(spec, log, observer);
      },
    });
    const runs = createClient(RunService, transport);
    const data = createClient(DataProxyService, transport);
    const runId = { project: "flytesnacks", domain: "development", name: "r1" };
    const taskSpec = create(TaskSpecSchema, {
      taskTemplate: {
        id: { name: "env.task", version: "1" },
        type: "python",
        target: { case: "container", value: { image: "fake:1", args: ["a0"] } },
      },
    });
    await runs.createRun({
      id: { case: "runId", value: runId },
      task: { case: "taskSpec", value: taskSpec },
    });
    await until(async () => asked === 2);

    const firstLine = async (attempt: number): Promise<string | undefined> => {
      for await (const { logs } of data.tailLogs({ actionId: { run: runId, name: "a0" }, attempt })) {
        const [line] = logs.flatMap(({ lines }) => lines);
        if (line !== undefined) return line.message;
      }
      return undefined;
    };
    const codeOf = async (line: Promise<unknown>) => {
      const error: unknown = await line.then(
        () => assert.fail("there is a log"),
        (reason: unknown) => reason,
      );
      return ConnectError.from(error).metadata.get("boxkite-error-code");
    };
    const first = codeOf(firstLine(1));
    const any = firstLine(0);
    resolving.reject(unreachable);
    assert.equal(await first, "NO_LOGS");
    assert.equal(await any, "second\n");
    assert.equal(await codeOf(firstLine(1)), "NO_LOGS");
    assert.equal(await firstLine(2), "second\n");
  },
);
