import assert from "node:assert/strict";
import { test } from "node:test";
import { Recorder } from "../../../test/executors/recorder.ts";
import { FAKE_SPEC } from "../../../test/helpers/fake-workers.ts";
import { EngineResponseError } from "../../containers/http.ts";
import { systemClock } from "../../lib/clock.ts";
import { silentLogger } from "../../lib/log.ts";
import { AttemptNotes } from "./attempt-notes.ts";
import type { CreateContext } from "./create-container.ts";
import { EngineRetry } from "./engine-retry.ts";

const NEVER = new AbortController().signal;

function setUp() {
  const recorder = new Recorder();
  const failures: Error[] = [];
  const context = {
    settings: { policy: { settings: { egress: "none", maxProcesses: 7 }, templates: new Map() } },
    api: {
      inspectImage: async () => {
        const failure = failures.shift();
        if (failure !== undefined) throw failure;
        return { env: {} };
      },
    },
    inherited: { proxy: { HTTP_PROXY: "http://proxy:3128" } },
    serverHost: "h",
    member: { name: "c", owner: "r" },
    spec: FAKE_SPEC,
    sink: recorder.sink,
    observer: recorder.observer,
    clock: systemClock,
    retry: new EngineRetry({
      clock: systemClock,
      log: silentLogger,
      lostAfterMs: 0,
      onUnreachable: () => {},
    }),
  } as unknown as CreateContext;
  return { recorder, failures, context };
}

test("what a container may do, reach and inherit is said once, in the log and to whoever follows the attempt", async () => {
  const { recorder, context } = setUp();
  const notes = new AttemptNotes();
  await notes.report(context, NEVER);
  await notes.report({ ...context, member: { name: "another", owner: "r" } }, NEVER);
  const lines = recorder.textOf("system");
  assert.equal(lines.length, 3, lines.join("\n"));
  assert.match(lines[0] ?? "", /at most 7 processes/u);
  assert.match(lines[1] ?? "", /^egress is none/u);
  assert.match(lines[2] ?? "", /HTTP_PROXY/u);
  assert.deepEqual(recorder.progress, lines);
});

test("where it cannot be found out, nothing is said, and all of it the next time", async () => {
  const { recorder, failures, context } = setUp();
  failures.push(new EngineResponseError("GET /images", 500, "no"));
  const notes = new AttemptNotes();
  await assert.rejects(notes.report(context, NEVER), /GET \/images/u);
  assert.deepEqual(recorder.lines, []);
  await notes.report(context, NEVER);
  assert.equal(recorder.lines.length, 3);
});
