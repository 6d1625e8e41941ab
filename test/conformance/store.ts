/** What every store has to do, whichever database it sits on. */
import type { ActionRecord, NewAction } from "../../src/domain/action-record.ts";
import type { ListQuery, RunScope } from "../../src/domain/list.ts";
import { NO_SETTINGS, type NewRun, type RunRecord } from "../../src/domain/run.ts";
import type { StoredSpec } from "../../src/domain/task.ts";
import assert from "node:assert/strict";
import { test } from "node:test";
import { NO_RETRIES, type ActionState } from "../../src/domain/action.ts";
import { newConditionState, newTaskState } from "../../src/domain/initial-state.ts";
import { ROOT_ACTION, type RunKey } from "../../src/domain/ids.ts";
import { type TaskDefinition } from "../../src/domain/task.ts";
import { transition, type ActionEvent } from "../../src/domain/transition.ts";
import type { Store } from "../../src/store/store.ts";

export interface StoreSubject {
  readonly store: Store;
  /** Closes the store and opens what is on disk again; undefined where nothing survives. */
  readonly reopen?: () => Promise<Store>;
  readonly dispose: () => Promise<void>;
}

const NOW = 1_700_000_000_000;
const PAGE: ListQuery = { limit: 100, token: "", where: [] };

export function storeConformance(name: string, open: () => Promise<StoreSubject>): void {
  const check = (title: string, body: (subject: StoreSubject) => Promise<void>): void =>
    void test(`${name}: ${title}`, async () => {
      const subject = await open();
      try {
        await body(subject);
      } finally {
        await subject.dispose();
      }
    });

  check("a run and its root are created together, once", async ({ store }) => {
    const { run, root } = await createRun(store, "r1");
    assert.equal(root.key.action, ROOT_ACTION);
    assert.equal(root.state.phase, "queued");
    assert.equal(await store.createRun(newRun("r1"), newTask(ROOT_ACTION), []), "exists");
    assert.deepEqual((await store.getRun(run.key))?.settings.labels, { team: "data" });
    assert.equal(await store.getRun({ ...run.key, project: "other" }), undefined);
  });

  check("of two clients creating the same run name, one wins", async ({ store }) => {
    const outcomes = await Promise.all(
      [1, 2, 3].map(() => store.createRun(newRun("same"), newTask(ROOT_ACTION), [])),
    );
    assert.equal(outcomes.filter((outcome) => outcome === "exists").length, 2);
  });

  check("an action is keyed by its name; a second one is told apart from a failure", async ({ store }) => {
    const { run } = await createRun(store, "r1");
    const child = await store.createAction(run, newTask("c1", ROOT_ACTION));
    assert.ok(typeof child === "object");
    assert.equal(await store.createAction(run, newTask("c1", ROOT_ACTION)), "exists");
    assert.equal(await store.createAction(run, newTask("c2", "nobody")), "parent_missing");
  });

  check("a parent that has ended gets no further children", async ({ store }) => {
    const { run, root } = await createRun(store, "r1");
    await step(store, root, { type: "abortRequested", reason: "enough" });
    assert.equal(await store.createAction(run, newTask("c1", ROOT_ACTION)), "parent_ended");
  });

  check("compare-and-set: of two changes of the same version, one holds", async ({ store }) => {
    const { root } = await createRun(store, "r1");
    const change = { action: root, state: admitted(root), effects: [], at: NOW };
    const outcomes = await Promise.all([store.advance(change), store.advance(change)]);
    assert.equal(outcomes.filter((outcome) => outcome === "conflict").length, 1);
  });

  check("sequence numbers grow over the whole store", async ({ store }) => {
    const one = await createRun(store, "r1");
    const two = await createRun(store, "r2");
    const later = await step(store, one.root, { type: "admitted" });
    assert.ok(two.root.seq > one.root.seq);
    assert.ok(later.seq > two.root.seq);
  });

  check(
    "a watch that starts anywhere sees every change after its cursor, and nothing before",
    async ({ store }) => {
      const { run } = await createRun(store, "r1");
      const children = await addChildren(store, run, 5);
      const all = await store.changedChildren(run, ROOT_ACTION, 0, 100);
      assert.deepEqual(
        all.map((child) => child.key.action),
        children.map((child) => child.key.action),
      );
      const cursor = all[2]?.seq ?? 0;
      await step(store, children[0] as ActionRecord, { type: "admitted" });
      const after = await store.changedChildren(run, ROOT_ACTION, cursor, 100);
      assert.deepEqual(
        after.map((child) => child.key.action),
        ["c3", "c4", "c0"],
      );
      const last = after.at(-1)?.seq ?? 0;
      assert.deepEqual(await store.changedChildren(run, ROOT_ACTION, last, 100), []);
      assert.equal((await store.changedChildren(run, ROOT_ACTION, 0, 2)).length, 2);
    },
  );

  check("listeners hear of each change after it can be read", async ({ store }) => {
    const heard: number[] = [];
    const stop = store.onChange((changes) => heard.push(...changes.map((change) => change.seq)));
    const { root } = await createRun(store, "r1");
    const next = await step(store, root, { type: "admitted" });
    stop();
    await step(store, next, { type: "abortRequested", reason: "enough" });
    assert.deepEqual(heard, [root.seq, next.seq]);
  });

  check("the queue offers the oldest of each run, and nobody before its time", async ({ store }) => {
    const one = await createRun(store, "r1");
    const two = await createRun(store, "r2");
    await addChildren(store, one.run, 3);
    const heads = await store.queueHeads("", NOW, 10);
    assert.deepEqual(
      heads.map((head) => `${head.key.run}/${head.key.action}`),
      ["r1/a0", "r2/a0"],
    );
    await step(store, two.root, { type: "admitted" });
    const lost = await step(store, await reload(store, two.root), {
      type: "attemptLost",
      attempt: 1,
      error: { code: "X", message: "x", kind: "system", recoverable: true },
    });
    assert.ok(lost.state.notBefore > NOW);
    assert.equal((await store.queueHeads("", NOW, 10)).length, 1);
    assert.equal(await store.nextWake(NOW), lost.state.notBefore);
    for (const { id } of await store.pendingEffects(10, [])) await store.effectDone(id, NOW, []);
    assert.equal((await store.queueHeads("", lost.state.notBefore, 10)).length, 2);
  });

  check(
    "each queue has heads of its own, and is known as long as something waits in it",
    async ({ store }) => {
      const { run, root } = await createRun(store, "r1");
      for (const [name, queue] of [
        ["c1", "gpu"],
        ["c2", "gpu"],
        ["c3", "fast"],
      ] as const) {
        await store.createAction(run, { ...newTask(name, ROOT_ACTION), queue });
      }
      assert.deepEqual(await store.waitingQueues(), ["", "fast", "gpu"]);
      const heads = await store.queueHeads("gpu", NOW, 10);
      assert.deepEqual(
        heads.map(({ key, queue }) => [key.action, queue]),
        [["c1", "gpu"]],
      );
      await step(store, root, { type: "admitted" });
      assert.deepEqual(await store.waitingQueues(), ["fast", "gpu"]);
    },
  );

  check("a page has at most 1,000 rows, and its token leads to the rest", async ({ store }) => {
    const ids = Array.from({ length: 1_001 }, (_, n) => `p${n}`);
    const project = { description: "", labels: {}, state: "active", createdAt: NOW } as const;
    await Promise.all(ids.map((id) => store.createProject({ ...project, id, name: id })));
    const first = await store.listProjects({ ...PAGE, limit: 5_000 });
    assert.equal(first.items.length, 1_000);
    assert.equal((await store.listProjects({ ...PAGE, limit: 5_000, token: first.token })).items.length, 1);
  });

  check("time limits strike when they are due, earliest first", async ({ store }) => {
    const slow = { ...newTask(ROOT_ACTION), policy: { userRetries: 0, deadlineMs: 5_000 } };
    await store.createRun(newRun("r1"), slow, []);
    assert.equal(await store.nextWake(NOW), NOW + 5_000);
    assert.deepEqual(await store.dueTimers(NOW + 4_999, 10), []);
    assert.equal((await store.dueTimers(NOW + 5_000, 10)).length, 1);
  });

  check("effects wait in order until they are done", async ({ store }) => {
    const { root } = await createRun(store, "r1");
    const running = await step(store, root, { type: "admitted" });
    await step(store, running, { type: "abortRequested", reason: "enough" });
    const pending = await store.pendingEffects(10);
    assert.deepEqual(
      pending.map(({ effect }) => effect.type),
      ["stopAttempt", "abortChildren", "ended"],
    );
    await store.effectDone(pending[0]?.id ?? 0, NOW);
    const left = await store.pendingEffects(10);
    assert.equal(left.length, 2);
    assert.equal((await store.pendingEffects(10, [left[0]?.id ?? 0])).length, 1);
    const ends = await store.pendingEffects(10, [], ["ended", "stopAttempt"]);
    assert.deepEqual(
      ends.map(({ effect }) => effect.type),
      ["ended"],
    );
    await store.effectDone(left[0]?.id ?? 0, NOW + 1, [{ type: "ended" }, { type: "abortChildren" }]);
    const followed = await store.pendingEffects(10);
    assert.deepEqual(
      followed.map(({ effect, createdAt, action }) => [effect.type, createdAt, action.id]),
      [
        [left[1]?.effect.type, NOW, root.id],
        ["ended", NOW + 1, root.id],
        ["abortChildren", NOW + 1, root.id],
      ],
    );
  });

  check("live attempts and children are found", async ({ store }) => {
    const { run, root } = await createRun(store, "r1");
    assert.equal(await store.awaitsChildren(root), false);
    await addChildren(store, run, 2);
    await step(store, root, { type: "admitted" });
    assert.deepEqual(
      (await store.liveAttempts()).map((action) => action.key.action),
      [ROOT_ACTION],
    );
    assert.equal(await store.awaitsChildren(root), true);
    assert.equal((await store.liveChildren(root, 10)).length, 2);
  });

  check(
    "an attempt that waits for room is live, and in no queue; a parked one is neither",
    async ({ store }) => {
      const { root } = await createRun(store, "r1");
      const first = await step(store, root, { type: "admitted" });
      const told = { attempt: 1, reason: "no node is free" };
      const waiting = await step(store, first, { type: "attemptWaiting", ...told });
      assert.deepEqual([waiting.state.phase, waiting.state.suspended], ["waiting_for_resources", "waiting"]);
      assert.deepEqual(
        (await store.liveAttempts()).map(({ id }) => id),
        [root.id],
      );
      assert.deepEqual(await store.waitingQueues(), []);
      assert.deepEqual(await store.queueHeads("", NOW, 10), []);
      const parked = await step(store, waiting, { type: "attemptParked", ...told });
      assert.equal((await reload(store, root)).state.suspended, "parked");
      assert.deepEqual(await store.liveAttempts(), []);
      assert.deepEqual(await store.queueHeads("", NOW, 10), []);
      for (const effect of await store.pendingEffects(10)) await store.effectDone(effect.id, NOW);
      await step(store, parked, { type: "unparked" });
      assert.equal((await store.queueHeads("", NOW, 10)).length, 1);
    },
  );

  check("attempts keep what was told of them", async ({ store }) => {
    const { root } = await createRun(store, "r1");
    const image = { reference: "a:1", pinned: "a@sha256:1", digest: "sha256:1", source: "registry" as const };
    const first = await step(store, root, { type: "admitted" }, { attempt: 1, image });
    await step(store, first, { type: "started", attempt: 1, at: NOW }, { attempt: 1, startedAt: NOW });
    const [attempt] = await store.listAttempts(root);
    assert.deepEqual(attempt?.image, image);
    assert.equal(attempt?.startedAt, NOW);
    assert.deepEqual(
      attempt?.transitions.map((change) => change.phase),
      ["initializing", "running"],
    );
  });

  check("a result is kept for others when its action ends well", async ({ store }) => {
    const cache = { key: "k", serialize: true, overwrite: false, sameProject: false };
    const cached = (name: string) => ({ ...newTask(name), cache, state: newTaskState(NOW, cache) });
    const one = await store.createRun(newRun("r1"), cached(ROOT_ACTION), []);
    const two = await store.createRun(newRun("r2"), cached(ROOT_ACTION), []);
    assert.ok(one !== "exists" && two !== "exists");
    assert.equal(await store.isComputedElsewhere(two.root), false);
    const working = await step(store, one.root, { type: "admitted" });
    assert.equal(await store.isComputedElsewhere(two.root), true);
    const change = { action: two.root, state: admitted(two.root), effects: [], at: NOW };
    assert.equal(await store.advance({ ...change, ifComputedElsewhere: false }), "conflict");
    const parked = await step(store, two.root, { type: "parked", reason: "another computes it" });
    assert.deepEqual(
      (await store.parkedFor("k")).map((action) => action.id),
      [parked.id],
    );
    assert.deepEqual(await store.queueHeads("", NOW, 10), []);
    assert.equal(await store.findCached("k", undefined), undefined);
    await step(store, working, { type: "attemptSucceeded", attempt: 1, outputUri: "s3://b/o" });
    assert.equal((await store.findCached("k", undefined))?.outputUri, "s3://b/o");
    assert.equal((await store.findCached("k", { project: "p", domain: "development" }))?.source.run, "r1");
    assert.equal(await store.findCached("k", { project: "other", domain: "development" }), undefined);
  });

  check("work on a result counts only where its result would", async ({ store }) => {
    const cache = { key: "k", serialize: true, overwrite: false, sameProject: false };
    const cached = (sameProject: boolean) => ({ ...newTask(ROOT_ACTION), cache: { ...cache, sameProject } });
    const elsewhere = newRun("r1");
    const far = await store.createRun(
      { ...elsewhere, key: { ...elsewhere.key, project: "other" } },
      cached(false),
      [],
    );
    const choosy = await store.createRun(newRun("r2"), cached(true), []);
    const open = await store.createRun(newRun("r3"), cached(false), []);
    assert.ok(far !== "exists" && choosy !== "exists" && open !== "exists");
    await step(store, far.root, { type: "admitted" });
    assert.equal(await store.isComputedElsewhere(choosy.root), false);
    assert.equal(await store.isComputedElsewhere(open.root), true);
  });

  check(
    "a retry is not at the head of its queue while its last attempt is being freed",
    async ({ store }) => {
      const { root } = await createRun(store, "r1");
      const running = await step(store, await step(store, root, { type: "admitted" }), {
        type: "started",
        attempt: 1,
        at: NOW,
      });
      await step(store, running, {
        type: "attemptLost",
        attempt: 1,
        error: { code: "Interrupted", message: "gone", kind: "system", recoverable: true },
      });
      const later = NOW + 60_000;
      assert.deepEqual(await store.queueHeads("", later, 10), []);
      for (const effect of await store.pendingEffects(10, [])) await store.effectDone(effect.id, later, []);
      assert.deepEqual(
        (await store.queueHeads("", later, 10)).map(({ id }) => id),
        [root.id],
      );
    },
  );

  check("an image is pinned once", async ({ store }) => {
    const { run } = await createRun(store, "r1");
    const image = { reference: "a:1", pinned: "a@sha256:1", digest: "sha256:1", source: "registry" as const };
    assert.deepEqual(await store.pinImage(run, image), image);
    assert.deepEqual(await store.pinImage(run, { ...image, digest: "sha256:2" }), image);
  });

  check("grants: exact objects, and prefixes that end in a slash", async ({ store }) => {
    const grants = ["s3://b/one.txt", "s3://b/dir/"];
    const { run } = await createRun(store, "r1", grants);
    assert.equal(await store.isGranted(run.key, "s3://b/one.txt"), true);
    assert.equal(await store.isGranted(run.key, "s3://b/one.txt.bak"), false);
    assert.equal(await store.isGranted(run.key, "s3://b/dir/deep/file"), true);
    assert.equal(await store.isGranted(run.key, "s3://b/dirt"), false);
    assert.equal(await store.isGranted({ ...run.key, run: "r2" }, "s3://b/one.txt"), false);
  });

  check("a run that a task started is readable by its starter", async ({ store }) => {
    const starter = await createRun(store, "starter");
    const run = newRun("started");
    const settings = { ...run.settings, spawnedBy: starter.run.key };
    await store.createRun({ ...run, settings }, newTask(ROOT_ACTION), []);
    assert.equal(await store.isGranted(starter.run.key, `${run.baseUri}/a0/1/raw/file`), true);
    assert.equal(await store.isGranted(run.key, `${starter.run.baseUri}/a0/1/raw/file`), false);
  });

  check("tasks: deployed once per version, listed by their newest", async ({ store }) => {
    const key = { project: "p", domain: "development", name: "env.train", version: "1" };
    assert.equal(await store.deployTask(key, spec("1"), NOW), "created");
    assert.equal(await store.deployTask(key, spec("1"), NOW + 9), "exists");
    assert.equal(await store.isNamedByDeployedTask("s3://b/bundle-of-1"), true);
    assert.equal(await store.isNamedByDeployedTask("s3://b/bundle"), false);
    await store.deployTask({ ...key, version: "2" }, spec("2"), NOW + 1);
    await store.deployTask({ ...key, name: "env.other", version: "1" }, spec("3"), NOW + 2);
    const { items } = await store.listTasks({ project: "p" }, PAGE);
    assert.deepEqual(
      items.map((task) => `${task.key.name}:${task.key.version}`),
      ["env.other:1", "env.train:2"],
    );
    const start = { ...spec("4"), definition: { ...spec("4").definition, isEntrypoint: true } };
    await store.deployTask({ ...key, name: "env.start" }, start, NOW + 3);
    const names = async (isEntrypoint: boolean) =>
      (await store.listTasks({ project: "p", isEntrypoint }, PAGE)).items.map((task) => task.key.name);
    assert.deepEqual(await names(true), ["env.start"]);
    assert.deepEqual(await names(false), ["env.other", "env.train"]);
    const versions = await store.listTaskVersions(key, PAGE);
    assert.deepEqual(
      versions.items.map((task) => task.key.version),
      ["2", "1"],
    );
    assert.equal((await store.getTask(key))?.deployedAt, NOW);
  });

  check("pages neither repeat nor hide rows while others are added", async ({ store }) => {
    for (let n = 0; n < 5; n++) await createRun(store, `r${n}`);
    const first = await store.listRuns({ project: "p" }, { ...PAGE, limit: 2 });
    assert.equal(first.items.length, 2);
    await createRun(store, "newer");
    const names = first.items.map(({ run }) => run.key.run);
    for (let token = first.token; token !== "";) {
      const page = await store.listRuns({ project: "p" }, { ...PAGE, limit: 2, token });
      names.push(...page.items.map(({ run }) => run.key.run));
      token = page.token;
    }
    assert.deepEqual(names, ["r4", "r3", "r2", "r1", "r0"]);
  });

  check("filters: by phase, task, label; an unknown field is refused", async ({ store }) => {
    const { root } = await createRun(store, "r1");
    await createRun(store, "r2");
    await step(store, root, { type: "abortRequested", reason: "enough" });
    const where = (field: string, comparison: "=" | "in" | "exists", ...values: string[]) =>
      store.listRuns({}, { ...PAGE, where: [{ field, comparison, values }] });
    assert.equal((await where("phase", "=", "aborted")).items.length, 1);
    assert.equal((await where("phase", "in", "aborted", "queued")).items.length, 2);
    assert.equal((await where("labels.team", "=", "data")).items.length, 2);
    assert.equal((await where("labels.nope", "exists")).items.length, 0);
    await assert.rejects(where("colour", "=", "red"), /no field "colour"/);
    await assert.rejects(store.listRuns({}, { ...PAGE, token: "rubbish" }), /page token/);
  });

  check("lists by time of the last change, as people sort and filter it", async ({ store }) => {
    const { root } = await createRun(store, "r1");
    await createRun(store, "r2");
    const next = transition(root.state, root.policy, { type: "abortRequested", reason: "enough" }, NOW + 9);
    assert.ok(next);
    await store.advance({ action: root, state: next.state, effects: [], at: NOW + 9 });
    const list = async (page: Partial<ListQuery>) =>
      (await store.listRuns({}, { ...PAGE, ...page })).items.map(({ run }) => run.key.run);
    const since = (comparison: ">=" | "<", value: number) =>
      list({ where: [{ field: "updated_at", comparison, values: [value] }] });
    assert.deepEqual(await since(">=", NOW + 9), ["r1"]);
    assert.deepEqual(await since("<", NOW + 9), ["r2"]);
    assert.deepEqual(await list({ sort: { field: "updated_at", ascending: false } }), ["r1", "r2"]);
    const first = await store.listRuns(
      {},
      { ...PAGE, limit: 1, sort: { field: "updated_at", ascending: true } },
    );
    const rest = await list({ token: first.token, sort: { field: "updated_at", ascending: true } });
    assert.deepEqual([first.items[0]?.run.key.run, ...rest], ["r2", "r1"]);
  });

  check("runs of a task, of one version of it, and those in which something is paused", async ({ store }) => {
    const { run } = await createRun(store, "r1");
    await createRun(store, "r2");
    const condition: NewAction = {
      ...newTask("ask", ROOT_ACTION),
      kind: "condition",
      spec: undefined,
      detail: new Uint8Array(),
      state: newConditionState(NOW),
    };
    await store.createAction(run, condition);
    const names = async (scope: RunScope) =>
      (await store.listRuns(scope, PAGE)).items.map((listed) => listed.run.key.run);
    assert.deepEqual(await names({ withPausedAction: true }), ["r1"]);
    const { taskName, taskVersion } = (await store.getAction({ ...run.key, action: ROOT_ACTION })) ?? {};
    assert.ok(taskName && taskVersion);
    assert.deepEqual(await names({ taskName, taskVersion }), ["r2", "r1"]);
    assert.deepEqual(await names({ taskName, taskVersion: "another" }), []);
  });

  check(
    "logs are there until they are removed; old are those of runs that ended before",
    async ({ store }) => {
      const one = await createRun(store, "r1");
      const two = await createRun(store, "r2");
      await addChildren(store, two.run, 1);
      for (const { root } of [one, two])
        await step(store, root, { type: "abortRequested", reason: "enough" });
      const old = async (before: number) => (await store.runsWithLogs(before, 10)).map(({ key }) => key.run);
      assert.deepEqual(await old(NOW), []);
      // The child of the other has not ended yet.
      assert.deepEqual(await old(NOW + 1), ["r1"]);
      await store.logsRemoved(one.run, NOW + 5);
      assert.deepEqual(await old(NOW + 1), []);
      assert.equal((await store.getRun(one.run.key))?.logsRemovedAt, NOW + 5);
      assert.equal((await store.getRun(two.run.key))?.logsRemovedAt, undefined);
    },
  );

  check("projects", async ({ store }) => {
    const project = {
      id: "p",
      name: "P",
      description: "",
      labels: {},
      state: "active" as const,
      createdAt: NOW,
    };
    assert.equal(await store.createProject(project), "created");
    assert.equal(await store.createProject(project), "exists");
    assert.equal(await store.updateProject({ ...project, state: "archived" }), "updated");
    assert.equal((await store.getProject("p"))?.state, "archived");
    assert.equal(await store.updateProject({ ...project, id: "q" }), "missing");
  });

  check("what was answered is there after a restart", async ({ store, reopen }) => {
    if (reopen === undefined) return;
    const secret = await store.secret("s", () => "one");
    const { run, root } = await createRun(store, "r1");
    const running = await step(store, root, { type: "admitted" });
    await step(store, running, { type: "abortRequested", reason: "enough" });
    const again = await reopen();
    assert.equal(await again.secret("s", () => "two"), secret);
    const record = await again.getAction({ ...run.key, action: ROOT_ACTION });
    assert.equal(record?.state.phase, "aborted");
    assert.equal((await again.pendingEffects(10)).length, 3);
    const next = await again.createRun(newRun("r2"), newTask(ROOT_ACTION), []);
    assert.ok(typeof next === "object" && next.root.seq > (record?.seq ?? 0));
  });
}

function newRun(name: string): NewRun {
  const key: RunKey = { project: "p", domain: "development", run: name };
  return {
    key,
    spec: new Uint8Array([1, 2]),
    settings: { ...NO_SETTINGS, labels: { team: "data" } },
    baseUri: `s3://b/p/development/runs/${name}`,
    source: "cli",
    createdAt: NOW,
  };
}

function newTask(name: string, parent?: string): NewAction {
  return {
    name,
    parent,
    kind: "task",
    group: "",
    spec: spec("0"),
    displayName: "train",
    inputUri: "s3://b/i",
    policy: NO_RETRIES,
    state: newTaskState(NOW),
    grants: [],
  };
}

function spec(digest: string): StoredSpec {
  const definition: TaskDefinition = {
    name: "env.train",
    version: digest,
    shortName: "train",
    type: "python",
    environment: "env",
    image: "a:1",
    relatedImages: [],
    command: [],
    args: ["a0"],
    env: {},
    requests: {},
    limits: {},
    policy: NO_RETRIES,
    reads: [`s3://b/bundle-of-${digest}`],
  };
  return { digest, bytes: new Uint8Array([7]), definition };
}

async function createRun(store: Store, name: string, grants: readonly string[] = []) {
  const created = await store.createRun(newRun(name), { ...newTask(ROOT_ACTION), grants }, []);
  assert.ok(created !== "exists");
  return created;
}

async function addChildren(store: Store, run: RunRecord, count: number): Promise<ActionRecord[]> {
  const made: ActionRecord[] = [];
  for (let n = 0; n < count; n++) {
    const child = await store.createAction(run, newTask(`c${n}`, ROOT_ACTION));
    assert.ok(typeof child === "object");
    made.push(child);
  }
  return made;
}

function admitted(action: ActionRecord): ActionState {
  const next = transition(action.state, action.policy, { type: "admitted" }, NOW);
  assert.ok(next);
  return next.state;
}

async function step(
  store: Store,
  action: ActionRecord,
  event: ActionEvent,
  attempt?: Parameters<Store["advance"]>[0]["attempt"],
): Promise<ActionRecord> {
  const next = transition(action.state, action.policy, event, NOW);
  assert.ok(next);
  const facts = attempt ?? (next.state.attempt > 0 ? { attempt: next.state.attempt } : undefined);
  const stored = await store.advance({
    action,
    state: next.state,
    effects: next.effects,
    at: NOW,
    attempt: facts,
  });
  assert.ok(stored !== "conflict");
  return stored;
}

async function reload(store: Store, action: ActionRecord): Promise<ActionRecord> {
  const record = await store.getAction(action.key);
  assert.ok(record);
  return record;
}
