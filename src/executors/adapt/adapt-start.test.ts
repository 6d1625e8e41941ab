import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { BARE_PYTHON, CONTAINER, imageFacts, PYTHON } from "../../../test/helpers/image-facts.ts";
import type { ImageFacts, PythonFacts } from "../../domain/image-facts.ts";
import type { RuntimeFit } from "../../domain/runtime-fit.ts";
import { ALL_ADAPTATIONS, type AvailableAdaptations } from "../../images/check/adaptations.ts";
import { runtimeStartOf } from "../../python-runtime/runtime-start.ts";
import type { WorkerMode } from "../../domain/warm-start.ts";
import type { AttemptSpec } from "../executor.ts";
import { createStartAdapter } from "./adapt-start.ts";

const IMAGE = {
  reference: "team/app:1",
  pinned: "team/app@sha256:1",
  digest: "sha256:1",
  source: "registry",
} as const;
const SPEC: AttemptSpec = {
  key: { project: "p", domain: "d", run: "r", action: "a0", attempt: 1 },
  image: IMAGE,
  command: [],
  args: ["a0", "--inputs", "s3://b/i"],
  env: {},
  requests: {},
  limits: {},
  labels: {},
};
/** With these nothing is added to its environment. */
const OWN_LIMITS = { env: { _F_MAX_QPS: "5", _F_P_CNC: "6" } };
const UNCHANGED: AttemptSpec = { ...SPEC, ...OWN_LIMITS };
const VENV: PythonFacts = { ...PYTHON, path: "/opt/venv/bin/python", prefix: "/opt/venv" };
const { a0Interpreter: _interpreter, ...WITHOUT_A0 } = CONTAINER;
const NO_A0 = { ...WITHOUT_A0, programs: { tar: "/usr/bin/tar" } };
const BARE = imageFacts({ ...NO_A0, pythons: [BARE_PYTHON] });
const DIRECTORIES = { runtime: "/data/runtime", programs: "/data/programs" };
const APPEND: RuntimeFit = { kind: "append" };

interface Behaviour {
  readonly facts?: ImageFacts | undefined;
  readonly fit?: RuntimeFit;
  readonly isStrict?: boolean;
  readonly available?: AvailableAdaptations;
  readonly programs?: string;
}

function setUp(behaviour: Behaviour) {
  const { facts, fit = APPEND, isStrict = false, available = ALL_ADAPTATIONS, programs } = behaviour;
  const asked: string[] = [];
  const adapter = createStartAdapter({
    engine: "podman 4.3.1",
    checker: {
      findKnown: async () => (asked.push("known"), facts),
      readPresent: async () => (asked.push("read"), facts),
    },
    fitter: {
      fit: async ({ digest, interpreter }) => {
        asked.push(`fit ${digest} ${interpreter.path} ${interpreter.libc} ${interpreter.arch}`);
        return {
          fit,
          start: runtimeStartOf(interpreter.path, DIRECTORIES, fit),
          runtime: "cp311",
          flyte: "2.12.1",
        };
      },
    },
    runnerFor: () => () => Promise.reject(new Error("not used")),
    placeCode: async () => undefined,
    ...(programs !== undefined && { placePrograms: async () => programs }),
    available,
    isStrict,
  });
  const adapt = (spec: Partial<AttemptSpec> = {}) =>
    adapter.adapt({ ...SPEC, ...spec }, { signal: new AbortController().signal });
  return { adapt, asked };
}

suite("the start of an attempt", () => {
  test("is as it is where the image runs tasks, and what runs them is recorded", async () => {
    const facts = { ...imageFacts(), base: { name: "debian:12", digest: "sha256:b" } };
    const { adapt, asked } = setUp({ facts });
    assert.partialDeepStrictEqual(await adapt(), {
      spec: SPEC,
      start: {
        engine: "podman 4.3.1",
        adaptations: [],
        interpreter: { path: "/usr/local/bin/python", version: "3.11.7" },
        sdk: { name: "flyte", version: "2.12.1" },
        base: { name: "debian:12", digest: "sha256:b" },
      },
    });
    assert.deepEqual(asked, ["read"]);
  });

  test("has the server's limits for launches, where neither the image nor the run or task sets them", async () => {
    const both = { _F_MAX_QPS: "1000", _F_P_CNC: "2500" };
    const of = async (spec: Partial<AttemptSpec>, env: Record<string, string> = {}, isStrict = false) => {
      const adapted = await setUp({ facts: imageFacts({}, { env }), isStrict }).adapt(spec);
      return [adapted?.spec.env, adapted?.start.defaults];
    };
    assert.deepEqual(await of({}), [both, both]);
    // The image's own ENV is in its container anyway.
    assert.deepEqual(await of({}, { _F_P_CNC: "200" }), [{ _F_MAX_QPS: "1000" }, { _F_MAX_QPS: "1000" }]);
    assert.deepEqual(await of(OWN_LIMITS), [OWN_LIMITS.env, undefined]);
    assert.deepEqual(await of({}, {}, true), [{}, undefined]);
    assert.deepEqual((await of({ limits: { memoryBytes: 256 * 2 ** 20 } }))[0]?.["_F_P_CNC"], "1000");
    assert.deepEqual(await of({ args: ["sh"] }), [{}, undefined]);
  });

  test("waits for an image that has to be pulled", async () => {
    assert.equal(await setUp({ facts: undefined }).adapt(), undefined);
  });

  test("mounts the runtime where the image has no flyte", async () => {
    const { adapt, asked } = setUp({ facts: BARE });
    const adapted = await adapt({ readOnlyMounts: [{ source: "/s", target: "/t" }] });
    assert.deepEqual(asked, ["read", "fit sha256:1 /usr/local/bin/python glibc amd64"]);
    assert.partialDeepStrictEqual(adapted, {
      spec: {
        command: [],
        args: [
          "/usr/local/bin/python",
          "/run/boxkite/python-programs/boot.py",
          "append",
          "/run/boxkite/python-runtime",
          "--inputs",
          "s3://b/i",
        ],
        readOnlyMounts: [
          { source: "/s", target: "/t" },
          { source: "/data/runtime", target: "/run/boxkite/python-runtime" },
          { source: "/data/programs", target: "/run/boxkite/python-programs" },
        ],
      },
      start: {
        adaptations: [
          { kind: "runtime", runtime: "cp311", flyte: "2.12.1", use: "append", replaced: [], broken: [] },
        ],
        interpreter: { path: "/usr/local/bin/python", version: "3.11.7" },
        sdk: { name: "flyte", version: "2.12.1" },
      },
    });
  });

  test("records what the runtime replaces, and what that breaks", async () => {
    const broken = [{ package: "pydantic", version: "2.14.3", wanted: "pydantic<2", by: "team-lib" }];
    const { adapt } = setUp({
      facts: BARE,
      fit: { kind: "route", packages: ["pydantic"], conflicts: [], broken },
    });
    assert.partialDeepStrictEqual((await adapt())?.start.adaptations, [
      {
        kind: "runtime",
        use: "route",
        replaced: ["pydantic"],
        broken: ["team-lib wants pydantic<2, gets pydantic 2.14.3"],
      },
    ]);
  });

  test("mounts nothing where the engine cannot", async () => {
    const { adapt } = setUp({ facts: BARE, available: new Set(["interpreter", "entrypoint", "code"]) });
    await assert.rejects(adapt(), { code: "IMAGE_CANNOT_RUN", message: /FLYTE_MISSING/u });
    // What PATH leads to there is not known.
    assert.deepEqual((await adapt({ env: { PATH: "/srv/bin" } }))?.start.adaptations, []);
  });

  test("uses the interpreter that has flyte, by its full path", async () => {
    const { adapt } = setUp({ facts: imageFacts({ ...NO_A0, pythons: [VENV, BARE_PYTHON] }) });
    const adapted = await adapt();
    assert.deepEqual(adapted?.spec.args, [
      "/opt/venv/bin/python",
      "/opt/venv/bin/a0",
      "--inputs",
      "s3://b/i",
    ]);
    assert.deepEqual(adapted.start.adaptations, [{ kind: "interpreter", path: "/opt/venv/bin/python" }]);
    assert.deepEqual(adapted.start.interpreter, { path: "/opt/venv/bin/python", version: "3.11.7" });
    const module = setUp({ facts: imageFacts({ ...NO_A0, pythons: [{ ...VENV, hasA0: false }] }) });
    assert.deepEqual((await module.adapt())?.spec.args.slice(0, 2), ["/opt/venv/bin/python", "-c"]);
  });

  test("leaves out the option that an old flyte refuses", async () => {
    const args = ["a0", "--run-start-time", "2026-01-01T00:00:00Z", "--inputs", "s3://b/i"];
    const old = { ...PYTHON, packages: { flyte: "2.1.9" } };
    const facts = imageFacts({ pythons: [old] });
    const adapted = await setUp({ facts }).adapt({ args });
    assert.deepEqual(adapted?.spec.args, SPEC.args);
    assert.deepEqual(adapted.start.adaptations, [{ kind: "start_time", flyte: "2.1.9" }]);
    const offPath = imageFacts({ ...NO_A0, pythons: [{ ...VENV, packages: { flyte: "2.1.9" } }] });
    const both = await setUp({ facts: offPath }).adapt({ args });
    assert.deepEqual(both?.spec.args.slice(2), ["--inputs", "s3://b/i"]);
    assert.deepEqual(
      both.start.adaptations.map(({ kind }) => kind),
      ["interpreter", "start_time"],
    );
    for (const unchanged of [setUp({ facts, isStrict: true }), setUp({ facts: imageFacts() })])
      assert.deepEqual((await unchanged.adapt({ args }))?.spec.args, args);
    assert.deepEqual((await setUp({ facts }).adapt())?.start.adaptations, []);
  });

  test("keeps an ENTRYPOINT that executes its arguments, and replaces another one", async () => {
    for (const entrypoint of ["none", "passes", "unknown"] as const)
      assert.deepEqual(
        (await setUp({ facts: imageFacts({ entrypoint }) }).adapt(OWN_LIMITS))?.spec,
        UNCHANGED,
      );
    const facts = imageFacts({ entrypoint: "swallows" }, { entrypoint: ["/serve"] });
    const adapted = await setUp({ facts }).adapt();
    assert.deepEqual([adapted?.spec.command, adapted?.spec.args], [["a0"], ["--inputs", "s3://b/i"]]);
    assert.deepEqual(adapted?.start.adaptations, [{ kind: "entrypoint", replaced: ["/serve"] }]);
  });

  test("leaves alone what has flyte that does not work, and an a0 of its own", async () => {
    for (const facts of [
      imageFacts({ a0Error: "no module named x" }),
      imageFacts({ ...NO_A0, pythons: [BARE_PYTHON], programs: { a0: "/bin/a0" }, a0Interpreter: "/bin/sh" }),
    ]) {
      const adapted = await setUp({ facts }).adapt(OWN_LIMITS);
      assert.deepEqual([adapted?.spec, adapted?.start.adaptations], [UNCHANGED, []]);
    }
  });

  test("is that of TypeScript tasks, too", async () => {
    const node = { path: "/usr/bin/node", version: "24.1.0", boxkite: "0.1.0" };
    const facts = imageFacts({
      ...NO_A0,
      pythons: [],
      node,
      programs: { "a0-ts": "/usr/bin/a0-ts" },
      entrypoint: "swallows",
    });
    const adapted = await setUp({ facts }).adapt({ args: ["a0-ts", "--inputs", "i"] });
    assert.deepEqual(adapted?.spec.command, ["a0-ts"]);
    assert.deepEqual(adapted.start.sdk, { name: "boxkite", version: "0.1.0" });
    assert.deepEqual(adapted.start.interpreter, { path: "/usr/bin/node", version: "24.1.0" });
  });

  test("is refused where no task can run", async () => {
    const facts = imageFacts({ ...NO_A0, pythons: [] });
    await assert.rejects(setUp({ facts }).adapt(), {
      code: "IMAGE_CANNOT_RUN",
      message: /no task can run in the image team\/app:1: it has no Python/u,
      hint: /Dockerfile/u,
    });
    const old = imageFacts({ pythons: [{ ...PYTHON, packages: { flyte: "2.0.12" } }] });
    await assert.rejects(setUp({ facts: old }).adapt(), {
      code: "IMAGE_CANNOT_RUN",
      message: /flyte 2\.0\.12/u,
    });
    const conflicts = [{ package: "attrs", version: "1", wanted: "attrs>2", by: "flyte" }];
    const fit = { kind: "refuse", because: "boom", isCertain: true, conflicts, broken: [] } as const;
    await assert.rejects(setUp({ facts: BARE, fit }).adapt(), {
      code: "IMAGE_CANNOT_RUN",
      message: /boom; in conflict: attrs 1 \(attrs>2\)/u,
    });
    await assert.rejects(setUp({ facts: BARE, fit: { ...fit, isCertain: false } }).adapt(), {
      code: "ENGINE_FAILED",
      recoverable: true,
    });
  });

  test("says how a worker of it is started", async () => {
    const workerOf = async (
      behaviour: Behaviour,
      spec: Partial<AttemptSpec> = {},
      mode: WorkerMode = "one_shot",
    ) => {
      const { worker } = (await setUp({ programs: "/data/programs", ...behaviour }).adapt(spec)) ?? {};
      if (worker === undefined || "cold" in worker) return worker;
      return { ...worker, words: worker.words(mode) };
    };
    const program = "/run/boxkite/python-programs/worker";
    const directory = "/run/boxkite/worker";
    const mounts = [{ source: "/data/programs", target: "/run/boxkite/python-programs" }];
    const rest = { language: "python", replacesEntrypoint: false, args: ["--inputs", "s3://b/i"] };
    assert.deepEqual(await workerOf({ facts: imageFacts() }), {
      ...rest,
      words: ["/usr/local/bin/python", program, "one_shot", directory, "--a0", "/usr/local/bin/a0"],
      mounts,
    });
    const fork = await workerOf({ facts: imageFacts() }, {}, "fork");
    assert.deepEqual(fork && "words" in fork && fork.words.slice(2, 6), [
      "fork",
      directory,
      "--watchdog",
      "30",
    ]);
    assert.deepEqual(await workerOf({ facts: imageFacts({ ...NO_A0, pythons: [VENV] }) }), {
      ...rest,
      words: ["/opt/venv/bin/python", program, "one_shot", directory, "--a0", "/opt/venv/bin/a0"],
      mounts,
    });
    const boot = ["--boot", "append", "/run/boxkite/python-runtime"];
    assert.deepEqual(await workerOf({ facts: BARE }), {
      ...rest,
      words: ["/usr/local/bin/python", program, "one_shot", directory, ...boot],
      mounts: [],
    });
    const old = imageFacts({
      pythons: [{ ...PYTHON, packages: { flyte: "2.1.9" } }],
      entrypoint: "swallows",
    });
    assert.partialDeepStrictEqual(
      await workerOf({ facts: old }, { args: ["a0", "--run-start-time", "t", "-v"] }),
      {
        args: ["-v"],
        replacesEntrypoint: true,
      },
    );
    const node = { path: "/usr/bin/node", version: "24.1.0", boxkite: "0.1.0" };
    const script = (workers?: number) =>
      imageFacts({
        ...NO_A0,
        pythons: [],
        node: { ...node, ...(workers !== undefined && { workers }) },
        programs: { "a0-ts": "/a" },
      });
    const typescript = { args: ["a0-ts", "--inputs", "i"] };
    assert.deepEqual(await workerOf({ facts: script(1) }, typescript), {
      language: "typescript",
      words: ["a0-ts", "--worker", "one_shot", directory],
      replacesEntrypoint: false,
      mounts: [],
      args: ["--inputs", "i"],
    });
    const own = imageFacts({
      ...NO_A0,
      pythons: [BARE_PYTHON],
      programs: { a0: "/a0" },
      a0Interpreter: "/bin/sh",
    });
    const cold = [
      workerOf({ facts: own }),
      workerOf({ facts: script() }, typescript),
      workerOf({ facts: imageFacts(), isStrict: true }),
      workerOf({ facts: imageFacts() }, { env: { PATH: "/srv/bin" } }),
      workerOf({ facts: imageFacts() }, { command: ["a0"], args: [] }),
      setUp({ facts: imageFacts() })
        .adapt()
        .then((adapted) => adapted?.worker),
    ];
    for (const worker of await Promise.all(cold))
      assert.ok(worker && "cold" in worker, JSON.stringify(worker));
  });

  test("changes nothing of a black box, and reads no image for it", async () => {
    const facts = imageFacts({ ...NO_A0, pythons: [VENV, BARE_PYTHON], entrypoint: "swallows" });
    for (const behaviour of [
      { facts, isStrict: true },
      { facts: undefined, isStrict: true },
    ]) {
      const { adapt, asked } = setUp(behaviour);
      const adapted = await adapt();
      assert.deepEqual([adapted?.spec, adapted?.start.adaptations, asked], [SPEC, [], ["known"]]);
    }
    const { adapt } = setUp({ facts });
    assert.deepEqual((await adapt({ isStrict: true }))?.start.adaptations, []);
    await assert.rejects(setUp({ facts: BARE, isStrict: true }).adapt(), {
      code: "IMAGE_CANNOT_RUN",
      message: /FLYTE_MISSING/u,
    });
  });

  test("of a program that is no task's is left alone", async () => {
    const { adapt, asked } = setUp({ facts: BARE });
    for (const spec of [{ args: ["sh", "-c", "true"] }, { command: ["a0"], args: [] }])
      assert.deepEqual(await adapt(spec), {
        spec: { ...SPEC, ...spec },
        start: { engine: "podman 4.3.1", adaptations: [] },
        worker: { cold: "the task says itself which program runs" },
      });
    assert.deepEqual(asked, []);
  });
});
