/** Executors that honour no option refuse each by its name. The others are held to it by test/executors/conformance.ts. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { optionProbes } from "../../test/executors/option-probes.ts";
import { Recorder } from "../../test/executors/recorder.ts";
import { createFakeExecutor } from "../../test/helpers/fake-executor.ts";
import { temporaryDirectory } from "../../test/helpers/server.ts";
import { systemClock } from "../lib/clock.ts";
import { ATTEMPT_OPTIONS, refuseOptions } from "./attempt-options.ts";
import { createInProcessExecutor } from "./in-process-executor.ts";

const SPEC = {
  image: { reference: "host", pinned: "host", digest: "", source: "host" },
  command: [],
  args: [],
  env: {},
  requests: {},
  limits: {},
  labels: {},
} as const;

test("work in the server and the tests' fake refuse every option by its name", async (t) => {
  const { probes } = optionProbes(await temporaryDirectory(t));
  const work = { reference: "host", run: async () => assert.fail("it ran") };
  for (const executor of [createInProcessExecutor(work, systemClock), createFakeExecutor()]) {
    for (const option of ATTEMPT_OPTIONS) {
      const recorder = new Recorder();
      const key = { project: "p", domain: "d", run: option, action: "a0", attempt: 1 };
      await executor.start({ ...SPEC, key, ...probes[option].options }, recorder.sink, recorder.observer);
      const exit = await recorder.ended;
      assert.deepEqual([exit.reason, exit.code], ["start_failed", "ATTEMPT_OPTION_UNSUPPORTED"]);
      assert.match(exit.message ?? "", new RegExp(` ${option},`, "u"));
    }
  }
});

test("what is empty asks for nothing", () => {
  const nothing = { readOnlyMounts: [], readOnlyRoot: false, annotations: {} };
  assert.equal(refuseOptions(nothing, [], "nowhere"), undefined);
});
