/** How attempts are adapted to their images, against a scripted engine. */
import assert from "node:assert/strict";
import { suite, test, type TestContext } from "node:test";
import {
  ANSWERED,
  answer,
  inspected,
  startFakeEngine,
  verbOf,
  type FakeAnswer,
} from "../../../test/executors/fake-engine.ts";
import { Recorder } from "../../../test/executors/recorder.ts";
import { BARE_PYTHON, CONTAINER, imageFacts } from "../../../test/helpers/image-facts.ts";
import { connectEngine } from "../../containers/api.ts";
import { BoxkiteError } from "../../domain/errors.ts";
import type { ImageFacts } from "../../domain/image-facts.ts";
import { systemClock } from "../../lib/clock.ts";
import { silentLogger } from "../../lib/log.ts";
import { fitsInMemory, type RuntimeFitter } from "../../python-runtime/runtime-fitter.ts";
import { createContainerExecutor } from "./container-executor.ts";
import { containerName, LABEL } from "./container-spec.ts";

const DIGEST = `sha256:${"a".repeat(64)}`;
const IMAGE = {
  reference: "h.io/app:1",
  pinned: `h.io/app@${DIGEST}`,
  digest: DIGEST,
  source: "registry",
} as const;
const SPEC = {
  key: { project: "p", domain: "d", run: "r", action: "a0", attempt: 1 },
  image: IMAGE,
  command: [],
  args: ["a0", "--inputs", "i"],
  env: {},
  requests: {},
  limits: {},
  labels: {},
};
const NAME = containerName("i", SPEC.key);
const LISTED = {
  Id: "c1",
  Labels: {
    [LABEL.kind]: "attempt",
    [LABEL.project]: SPEC.key.project,
    [LABEL.domain]: SPEC.key.domain,
    [LABEL.run]: SPEC.key.run,
    [LABEL.action]: SPEC.key.action,
    [LABEL.attempt]: String(SPEC.key.attempt),
  },
};
const SWALLOWS = imageFacts({ entrypoint: "swallows" }, { entrypoint: ["/serve"] });
const { a0Interpreter: _interpreter, ...WITHOUT_A0 } = CONTAINER;
const BARE = imageFacts({ ...WITHOUT_A0, pythons: [BARE_PYTHON], programs: {} });

interface Engine {
  readonly facts: ImageFacts;
  /** Of the container, before it is created here. */
  readonly before?: object;
  /** The engine made it only after its containers were listed. */
  readonly isLate?: boolean;
  /** Podman has it, and its storage has not. */
  readonly isRemnant?: boolean;
  readonly fit?: RuntimeFitter["fit"];
}

async function run(t: TestContext, { facts, before, isLate = false, isRemnant = false, fit }: Engine) {
  const calls: string[] = [];
  const bodies: Record<string, unknown>[] = [];
  let state = before;
  const answerTo: FakeAnswer = (call, response) => {
    const verb = verbOf(call);
    if (!/events|info|json/u.test(verb)) calls.push(verb);
    switch (verb) {
      case "POST create":
        if (state !== undefined) return answer(response, 409, { message: "the name is in use" });
        bodies.push(JSON.parse(call.body) as Record<string, unknown>);
        state = { Status: "exited", ExitCode: 0 };
        return answer(response, 201, { Id: "c1" });
      case "DELETE c1":
      case `DELETE ${NAME}`:
        state = undefined;
        return answer(response, 200, []);
      case "POST attach":
        return answer(response, 400, { message: "no attaching here" });
      case "POST start":
        return answer(response, 204);
      case "GET logs":
        return answer(response, 200);
      case "GET events":
        response.flushHeaders();
        return ANSWERED;
      case "GET info":
        return { Architecture: "x86_64", NCPU: 2, CgroupVersion: "2" };
      case "GET json":
        if (/^(\/libpod)?\/containers\/json$/u.test(call.path))
          return before === undefined || isLate ? [] : [LISTED];
        if (call.path.includes("/images/")) return { Id: DIGEST, Config: {} };
        if (isRemnant && state === before)
          return answer(response, 500, { message: "getting container from store: container not known" });
        return state === undefined
          ? answer(response, 404, { message: "no such container" })
          : inspected(state);
      default:
        return answer(response, 200, []);
    }
  };
  const fake = await startFakeEngine(t, answerTo, isRemnant ? "podman" : "docker");
  const api = await connectEngine({ kind: "unix", socketPath: fake.socketPath });
  const executor = createContainerExecutor({
    api,
    info: await api.info(),
    instance: "i",
    log: silentLogger,
    clock: systemClock,
    endpointHost: () => "h",
    credentials: async () => undefined,
    records: { ...fitsInMemory(), findImageFacts: async () => facts, recordImageFacts: async () => {} },
    adaptation: {
      isStrict: false,
      bundles: undefined,
      fitter: { fit: fit ?? (() => Promise.reject(new Error("not asked for"))) },
    },
  });
  t.after(async () => {
    await executor.close();
    api.close();
  });
  const recorder = new Recorder();
  await executor.start(SPEC, recorder.sink, recorder.observer);
  const exit = await recorder.ended;
  return { exit, calls, bodies, starts: recorder.starts };
}

suite("an attempt", () => {
  test("is created as it is adapted, which is reported before", async (t) => {
    const { bodies, starts } = await run(t, { facts: SWALLOWS });
    assert.partialDeepStrictEqual(bodies, [{ Entrypoint: ["a0"], Cmd: ["--inputs", "i"] }]);
    assert.deepEqual(
      starts.map(({ adaptations }) => adaptations),
      [[{ kind: "entrypoint", replaced: ["/serve"] }]],
    );
  });

  test("whose container has run already is taken up, and its image is not read again", async (t) => {
    const { exit, calls, starts } = await run(t, { facts: BARE, before: { Status: "exited", ExitCode: 3 } });
    assert.equal(exit.exitCode, 3);
    assert.deepEqual(
      calls.filter((verb) => verb === "POST create"),
      [],
    );
    assert.deepEqual(starts, []);
  });

  test("whose container was created and never started gets one as it is adapted now", async (t) => {
    const created = { Status: "created", ExitCode: 0, StartedAt: "0001-01-01T00:00:00Z" };
    for (const isLate of [false, true]) {
      const { calls, bodies } = await run(t, { facts: SWALLOWS, before: created, isLate });
      assert.equal(bodies.length, 1);
      assert.ok(calls.indexOf("DELETE c1") < calls.lastIndexOf("POST create"), calls.join(", "));
      assert.ok(calls.includes("DELETE c1"), calls.join(", "));
    }
  });

  test("is lost where its container has run, perhaps, and cannot be inspected", async (t) => {
    const before = { Status: "running" };
    const { exit, bodies } = await run(t, { facts: SWALLOWS, before, isRemnant: true });
    const message = `the engine lost the container's storage (${NAME}), and the attempt may have begun in it`;
    assert.partialDeepStrictEqual(exit, { reason: "lost", code: "ENGINE_FAILED", message });
    assert.deepEqual(bodies, []);
  });

  test("is created anew where its container cannot be inspected, and was never started", async (t) => {
    const of = { facts: SWALLOWS, before: { Status: "created" }, isLate: true, isRemnant: true };
    const { exit, calls, bodies } = await run(t, of);
    assert.deepEqual([exit.exitCode, bodies.length], [0, 1]);
    assert.deepEqual(calls.slice(0, 3), ["POST create", `DELETE ${NAME}`, "POST create"]);
  });

  test("ends with what keeps its image from running", async (t) => {
    const empty = imageFacts({ ...WITHOUT_A0, pythons: [], programs: {} });
    const { exit, calls } = await run(t, { facts: empty });
    assert.deepEqual([exit.reason, exit.code], ["start_failed", "IMAGE_CANNOT_RUN"]);
    assert.deepEqual(
      calls.filter((verb) => verb === "POST create"),
      [],
    );
  });

  test("is lost, and may be tried again, where flyte could not be fetched", async (t) => {
    const error = new BoxkiteError("RUNTIME_FETCH_FAILED", "the index does not answer", {
      hint: "try again",
    });
    const { exit } = await run(t, { facts: BARE, fit: () => Promise.reject(error) });
    assert.deepEqual([exit.reason, exit.code, exit.recoverable], ["lost", "RUNTIME_FETCH_FAILED", true]);
  });
});
