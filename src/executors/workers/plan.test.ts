import assert from "node:assert/strict";
import { suite, test } from "node:test";
import type { AttemptObjects, AttemptSpec } from "../executor.ts";
import type { WorkerStart } from "../start-adapter.ts";
import { modeOf, planOf } from "./plan.ts";

const SPEC: AttemptSpec = {
  key: { project: "p", domain: "d", run: "r", action: "a0", attempt: 1 },
  image: { reference: "team/app:1", pinned: "team/app@sha256:1", digest: "sha256:1", source: "registry" },
  command: [],
  args: ["a0", "--inputs", "i"],
  env: { TOKEN: "t1", MODE: "m" },
  ownVariables: ["TOKEN"],
  requests: {},
  limits: { memoryBytes: 1 },
  labels: { team: "x" },
  parent: "a-parent",
};
const WORKER: WorkerStart = {
  language: "python",
  words: (mode) => ["python", "worker", mode],
  replacesEntrypoint: false,
  mounts: [{ source: "/programs", target: "/t" }],
  args: ["--inputs", "i"],
};

function plan(
  more: Partial<AttemptSpec> = {},
  mode: "one_shot" | "fork" | "resident" = "one_shot",
  worker = WORKER,
) {
  const spec = { ...SPEC, ...more };
  const planned = planOf({ spec, start: { engine: "e", adaptations: [] }, worker }, mode);
  if ("cold" in planned) throw new Error(planned.cold);
  return planned;
}

test("how an attempt starts is said by the server, its task, and its reuse policy", () => {
  assert.equal(modeOf({}, "one_shot"), "one_shot");
  const parent = "a-parent";
  assert.equal(modeOf({ parent, warmStart: "fork" }, "one_shot"), "fork");
  assert.equal(modeOf({ parent, args: ["a0"] }, "fork"), "fork");
  assert.equal(modeOf({ args: ["a0"] }, "fork"), "one_shot");
  assert.equal(modeOf({ parent, args: ["a0-ts"] }, "fork"), "one_shot");
  assert.equal(modeOf({ parent, args: ["a0-ts"], warmStart: "fork" }, "one_shot"), "one_shot");
  assert.equal(modeOf({ args: ["a0-ts"], warmStart: "off" }, "fork"), undefined);
  assert.equal(modeOf({ warmStart: "off" }, "one_shot"), undefined);
  assert.equal(modeOf({ warmStart: "fork" }, "off"), undefined);
  const reuse = {
    minReplicas: 1,
    maxReplicas: 1,
    concurrency: 1,
    idleTtlMs: 1,
    scaledownTtlMs: 1,
    scope: "run",
    shares: "s",
  } as const;
  assert.equal(modeOf({ reuse }, "one_shot"), "resident");
  assert.equal(modeOf({ reuse, warmStart: "off" }, "one_shot"), undefined);
});

suite("the plan of an attempt's worker", () => {
  test("leaves out what comes with the order", () => {
    const { plan: made, args, env } = plan();
    assert.deepEqual([args, env], [["--inputs", "i"], { TOKEN: "t1" }]);
    assert.deepEqual(made.container.env, { MODE: "m" });
    assert.deepEqual(plan({ objects: {} as AttemptObjects }).plan, made);
    assert.deepEqual([made.container.command, made.container.args], [[], ["python", "worker", "one_shot"]]);
    assert.deepEqual(made.container.readOnlyMounts, WORKER.mounts);
    assert.equal(made.run, "r");
    const replaced = plan({}, "one_shot", { ...WORKER, replacesEntrypoint: true }).plan.container;
    assert.deepEqual([replaced.command, replaced.args], [["python"], ["worker", "one_shot"]]);
  });

  test("is that of every attempt that can share workers, and of no other", () => {
    const { pool } = plan().plan;
    const same: Partial<AttemptSpec>[] = [
      { key: { ...SPEC.key, action: "a1", attempt: 2 } },
      { env: { MODE: "m", TOKEN: "t2" } },
      { args: ["a0", "--inputs", "j"] },
      { secretFiles: { "/s": "s" } },
      { archives: [] },
      { parent: "another" },
      { warmStart: "one_shot" },
      { image: { ...SPEC.image, reference: "team/app:latest" } },
    ];
    for (const more of same) assert.equal(plan(more).plan.pool, pool, JSON.stringify(more));
    const other: Partial<AttemptSpec>[] = [
      { key: { ...SPEC.key, run: "r2" } },
      { key: { ...SPEC.key, project: "q" } },
      { key: { ...SPEC.key, domain: "e" } },
      { env: { MODE: "n", TOKEN: "t1" } },
      { image: { ...SPEC.image, pinned: "team/app@sha256:2" } },
      { limits: { memoryBytes: 2 } },
      { requests: { cpu: 1 } },
      { sharedMemoryBytes: 1 },
      { readOnlyMounts: [{ source: "/a", target: "/b" }] },
      { scratch: [{ target: "/b" }] },
      { tmpfs: [{ target: "/b", sizeBytes: 1 }] },
      { noNewPrivileges: true },
      { droppedCapabilities: ["ALL"] },
      { podTemplate: "x" },
      { egress: "none" },
      { isTrusted: true },
    ];
    const pools = other.map((more) => plan(more).plan.pool);
    pools.push(
      plan({}, "fork").plan.pool,
      plan({}, "one_shot", { ...WORKER, words: () => ["x"] }).plan.pool,
      pool,
    );
    assert.equal(new Set(pools).size, pools.length);
  });

  test("of the root of a run is that of the root of any other, with the same code in its image and mounts", () => {
    const { parent: _parent, ...root } = SPEC;
    const of = (more: Partial<AttemptSpec> = {}) => {
      const spec = { ...root, ...more };
      const planned = planOf({ spec, start: { engine: "e", adaptations: [] }, worker: WORKER }, "one_shot");
      return "cold" in planned ? assert.fail(planned.cold) : planned.plan;
    };
    const next = { key: { ...SPEC.key, run: "r2", attempt: 2 } };
    assert.equal(of().pool, of(next).pool);
    assert.deepEqual([of().run, of().container.key.run, of().container.labels], [undefined, "", SPEC.labels]);
    const others: Partial<AttemptSpec>[] = [
      { key: { ...SPEC.key, project: "q" } },
      { key: { ...SPEC.key, domain: "e" } },
      { image: { ...SPEC.image, pinned: "team/app@sha256:2" } },
      { readOnlyMounts: [{ source: "/code/v2", target: "/app" }] },
      { env: { MODE: "n", TOKEN: "t1" } },
      { labels: { team: "y" } },
      { isTrusted: true },
    ];
    const pools = [of().pool, plan().plan.pool, ...others.map((more) => of(more).pool)];
    assert.equal(new Set(pools).size, pools.length);
  });

  test("of resident workers with a policy of global scope is that of all runs", () => {
    const policy = {
      minReplicas: 1,
      maxReplicas: 2,
      concurrency: 3,
      idleTtlMs: 1,
      scaledownTtlMs: 1,
    } as const;
    const shared = { ...policy, scope: "global", shares: "env v1" } as const;
    const of = (run: string, scope: "global" | "run", shares = "env v1") =>
      plan({ key: { ...SPEC.key, run }, reuse: { ...shared, scope, shares } }, "resident").plan;
    assert.equal(of("r1", "global").pool, of("r2", "global").pool);
    assert.notEqual(of("r1", "run").pool, of("r2", "run").pool);
    assert.notEqual(of("r1", "global").pool, of("r1", "global", "env v2").pool);
    assert.deepEqual([of("r1", "global").run, of("r1", "run").run], [undefined, "r1"]);
    assert.equal(of("r1", "global").concurrency, 3);
    assert.deepEqual(of("r1", "global").program.args.slice(-2), ["--concurrency", "3"]);
  });

  test("does not exist for what no worker can take", () => {
    const { ownVariables: _own, ...unknown } = SPEC;
    const specs: AttemptSpec[] = [
      unknown,
      { ...SPEC, network: "none" },
      { ...SPEC, secretVariables: { A: "b" } },
      { ...SPEC, limits: { gpu: 1 } },
    ];
    for (const spec of specs) {
      const planned = planOf({ spec, start: { engine: "e", adaptations: [] }, worker: WORKER }, "one_shot");
      assert.ok("cold" in planned, JSON.stringify(spec));
    }
    const secret = { ...SPEC, secretFiles: { "/s": "s" } };
    const adapted = { spec: secret, start: { engine: "e", adaptations: [] }, worker: WORKER };
    const modes = ["one_shot", "fork", "resident"] as const;
    assert.deepEqual(
      modes.map((mode) => "cold" in planOf(adapted, mode)),
      [false, true, true],
      "files stay for the next attempt of a shared worker",
    );
  });
});
