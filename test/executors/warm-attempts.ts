/** Attempts of the stock SDK on an executor with workers: what their tests share, whatever mode the workers are of. */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before } from "node:test";
import type { FoundEngine } from "../../src/containers/find.ts";
import type { WarmStartSetting, WorkerMode } from "../../src/domain/warm-start.ts";
import { LABEL } from "../../src/executors/container/container-spec.ts";
import type { AttemptSpec, Executor } from "../../src/executors/executor.ts";
import { startCodeStore, type CodeStore } from "../helpers/a0-container.ts";
import { bundleOf } from "../helpers/bundles.ts";
import { until } from "../helpers/until.ts";
import type { TestEngine } from "./engine-for-tests.ts";
import { openWarmExecutor } from "./open-warm-executor.ts";
import { Recorder } from "./recorder.ts";

/** An image without flyte. */
export const BARE_IMAGE = "docker.io/library/python:3.11-slim";
/** The variables that workers do not have before there is an attempt. */
export const OWN = ["_U_EP_OVERRIDE", "FLYTE_AWS_ACCESS_KEY_ID", "FLYTE_AWS_SECRET_ACCESS_KEY", "BEHAVIOUR"];
const LIMIT_BYTES = 600 * 1024 * 1024;

export interface WarmSubject {
  readonly image: string;
  /** main.py, whose task does what the variable BEHAVIOUR says. */
  readonly program: string;
  readonly setting: WarmStartSetting;
  readonly mode: WorkerMode;
  /** Of each attempt. */
  readonly spec?: Partial<AttemptSpec>;
}

export interface WarmAttempts {
  readonly found: FoundEngine;
  readonly executor: Executor;
  /** The server ends, and the next one begins. */
  restart(): Promise<void>;
  /** Of the next attempt of the run. */
  specOf(behaviour: string, more?: Partial<AttemptSpec>): Promise<AttemptSpec>;
  start(spec: AttemptSpec): Promise<Recorder>;
  /** Resolves when a worker waits. */
  warmUp(): Promise<void>;
  /** Resolves when it has started in a worker. */
  startWarm(behaviour: string): Promise<{ readonly spec: AttemptSpec; readonly recorder: Recorder }>;
}

/** For the tests of the suite in which it is called; ends what they left, and requires that nothing else is. */
export function warmAttempts(engine: TestEngine, subject: WarmSubject): WarmAttempts {
  const { image, program, setting, mode } = subject;
  const instance = `warm-${randomBytes(4).toString("hex")}`;
  const run = `r${randomBytes(4).toString("hex")}`;
  const ending: (() => unknown)[] = [];
  const lifetime = { after: (work: () => unknown) => void ending.unshift(work) };
  let found: FoundEngine;
  let code: CodeStore;
  let data: string;
  let executor: Executor;
  let attempts = 0;
  const open = () => openWarmExecutor(found.api, { instance, data, code, setting });

  before(async () => {
    found = await engine.open();
    lifetime.after(() => found.close());
    data = await mkdtemp(join(tmpdir(), "boxkite-warm-"));
    lifetime.after(() => rm(data, { recursive: true, force: true }));
    const bundle = await bundleOf([{ name: "main.py", text: program }]);
    code = await startCodeStore(lifetime, bundle, `${data}/code`);
    executor = await open();
  });
  after(async () => {
    for (const key of (await executor?.list()) ?? []) await executor.release(key);
    await executor?.close();
    const left = await found.api.listContainers([`${LABEL.instance}=${instance}`]);
    // What reads an image may still be about to end.
    const own = left.filter(({ labels }) => labels[LABEL.kind] !== "probe");
    for (const work of ending) await work();
    assert.deepEqual(own, []);
  });

  const attemptsOf: WarmAttempts = {
    get found() {
      return found;
    },
    get executor() {
      return executor;
    },
    restart: async () => {
      await executor.close();
      executor = await open();
    },
    specOf: async (behaviour, more = {}) => {
      const spec = code.spec(await executor.resolveImage(image));
      return {
        ...spec,
        key: { ...spec.key, run, action: `a${++attempts}` },
        env: { ...spec.env, BEHAVIOUR: behaviour, SHARED: "s" },
        ownVariables: OWN,
        limits: { memoryBytes: LIMIT_BYTES },
        ...subject.spec,
        ...more,
      };
    },
    start: async (spec) => {
      const recorder = new Recorder();
      await executor.start(spec, recorder.sink, recorder.observer);
      return recorder;
    },
    warmUp: async () => {
      const expected = await attemptsOf.specOf("expected");
      executor.expect?.({ images: [], requests: {}, limits: {}, attempts: [expected] });
      await until(async () => executor.pools?.().some(({ idle }) => idle > 0) === true, 60_000);
    },
    startWarm: async (behaviour) => {
      await attemptsOf.warmUp();
      const spec = await attemptsOf.specOf(behaviour);
      const recorder = await attemptsOf.start(spec);
      await recorder.started;
      assert.equal(recorder.starts.at(-1)?.warm?.mode, mode, "it started in a worker");
      return { spec, recorder };
    },
  };
  return attemptsOf;
}
