import assert from "node:assert/strict";
import { test } from "node:test";
import type { ReusePolicy } from "../domain/reuse-policy.ts";
import type { RunNote } from "../domain/run-note.ts";
import type { RunRecord } from "../domain/run.ts";
import { recordingLogger } from "../../test/helpers/recording-logger.ts";
import { createReuseNotes, reuseNote } from "./reuse-note.ts";

const REUSE: ReusePolicy = {
  minReplicas: 0,
  maxReplicas: 1,
  concurrency: 1,
  idleTtlMs: 30_000,
  scaledownTtlMs: 30_000,
  scope: "global",
};
const TASK = { name: "env.task", image: "app:1", reuse: REUSE, env: {} };
const WARM = { description: "podman 4.3.1", pools: () => [] };

test("a policy without effect is noted, with what would give it one", () => {
  const of = (env: Record<string, string>, executor: Parameters<typeof reuseNote>[2] = WARM) =>
    reuseNote(TASK, { env }, executor);
  assert.match(
    of({}, { description: "process" })?.text ?? "",
    /env\.task .* keeps no workers, with process/u,
  );
  assert.match(of({ BOXKITE_STRICT_IMAGE: "true" })?.text ?? "", /BOXKITE_STRICT_IMAGE/u);
  assert.match(of({ BOXKITE_WARM_START: "off" })?.mend ?? "", /leave BOXKITE_WARM_START out/u);
  assert.equal(of({}), undefined);
  const own = { ...TASK, env: { BOXKITE_WARM_START: "one-shot" } };
  assert.equal(reuseNote(own, { env: { BOXKITE_WARM_START: "off" } }, WARM), undefined);
  const { reuse: _, ...plain } = TASK;
  assert.equal(reuseNote(plain, { env: {} }, { description: "process" }), undefined);
});

test("each task of a run has one note, with the first reason; one that cannot be recorded fails nothing", async () => {
  const recorded: RunNote[] = [];
  let failure: Error | undefined = new Error("the disk is full");
  const { log, lines } = recordingLogger();
  const notes = createReuseNotes({
    executor: WARM,
    log,
    store: {
      recordRunNotes: async (_run, [note]) => {
        if (failure !== undefined) throw failure;
        if (note) recorded.push(note);
      },
    },
  });
  const run = { id: 1, key: { run: "r" }, settings: { env: {} } } as RunRecord;
  const off = { ...TASK, env: { BOXKITE_WARM_START: "off" } };
  await notes.accepted(run, off);
  assert.match(JSON.stringify(lines), /could not be recorded/u);
  failure = undefined;
  await notes.accepted(run, TASK);
  await notes.accepted(run, off);
  await notes.startedCold(run, TASK, "the task has no network");
  await notes.startedCold(run, { ...TASK, name: "env.other" }, "the task has no network");
  assert.deepEqual(
    recorded.map(({ image }) => image),
    ["app:1 (env.task)", "app:1 (env.other)"],
  );
  assert.match(recorded[1]?.text ?? "", /env\.other is reusable .*: the task has no network$/u);
});
