/** When images are checked before something is accepted, how long that takes, and what is asked how often. */
import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { imageFacts, PYTHON } from "../../../test/helpers/image-facts.ts";
import { steppedClock } from "../../../test/helpers/stepped-clock.ts";
import { NO_RETRIES, type CacheUse } from "../../domain/action.ts";
import type { NewAction } from "../../domain/action-record.ts";
import { BoxkiteError } from "../../domain/errors.ts";
import type { ImageFacts } from "../../domain/image-facts.ts";
import type { NewestPin, ResolvedImage } from "../../domain/image.ts";
import { EVERYONE } from "../../domain/principal.ts";
import { newTaskState } from "../../domain/initial-state.ts";
import { NO_SETTINGS, type RunRecord } from "../../domain/run.ts";
import type { RunNote } from "../../domain/run-note.ts";
import type { TaskDefinition } from "../../domain/task.ts";
import { silentLogger } from "../../lib/log.ts";
import { createImageCheck } from "./image-check.ts";
import type { CheckedImages } from "./late-notes.ts";

const OLD = imageFacts({ pythons: [{ ...PYTHON, packages: { flyte: "2.0.12" } }] });
const LOCKED = imageFacts({ workdir: { path: "/srv", writable: false } });
const RUN = {
  id: 1,
  key: { project: "p", domain: "development", run: "r1" },
  authority: EVERYONE,
  settings: NO_SETTINGS,
} as RunRecord;
const CACHE: CacheUse = { key: "k", serialize: false, overwrite: false, sameProject: false };

function task(image: string, more: Partial<TaskDefinition> = {}, cache?: CacheUse): NewAction {
  const definition: TaskDefinition = {
    name: "env.main",
    version: "1",
    shortName: "main",
    type: "python",
    environment: "env",
    image,
    relatedImages: [],
    command: [],
    args: ["a0", "--inputs"],
    env: {},
    requests: {},
    limits: {},
    policy: NO_RETRIES,
    reads: [],
    ...more,
  };
  return {
    name: "a0",
    kind: "task",
    group: "",
    spec: { digest: "d", bytes: new Uint8Array(), definition },
    displayName: "main",
    inputUri: "",
    policy: NO_RETRIES,
    cache,
    state: newTaskState(0, cache),
    grants: [],
  };
}

interface Setting {
  /** By reference; undefined: not on this machine. */
  readonly facts?: Readonly<Record<string, ImageFacts | undefined | Promise<ImageFacts>>>;
  readonly errors?: Readonly<Record<string, BoxkiteError>>;
  readonly hasResult?: boolean;
  readonly isStrict?: boolean;
  readonly exists?: boolean;
  readonly newest?: NewestPin;
  /** What references name now, where runs use what earlier ones used. */
  readonly named?: Promise<ResolvedImage>;
  /** How long resolving takes. */
  readonly resolved?: Promise<void>;
  readonly isOff?: boolean;
}

function setup(setting: Setting) {
  const {
    facts = {},
    errors = {},
    hasResult = false,
    exists = false,
    isStrict = false,
    isOff = false,
    newest,
    named,
    resolved,
  } = setting;
  const asked: string[] = [];
  /** Whether the next reads of pins fail. */
  const storeFails: boolean[] = [];
  const read = new Map<string, ImageFacts>();
  const clock = steppedClock();
  const resolve = (reference: string): ResolvedImage => {
    asked.push(`resolve ${reference}`);
    const error = errors[reference];
    if (error !== undefined) throw error;
    return { reference, pinned: `${reference}@sha256:1`, digest: "sha256:1", source: "registry" };
  };
  const check = createImageCheck({
    isStrict,
    orchestrator: {
      resolveImages: async (_run, references) => {
        await resolved;
        return references.map((reference) => {
          try {
            return { reference, image: resolve(reference) };
          } catch (error) {
            return { reference, error: error as BoxkiteError };
          }
        });
      },
      imageOf: async (_run, reference) => resolve(reference),
    },
    store: {
      getAction: async () => (exists ? ({} as never) : undefined),
      findCached: async () => (hasResult ? ({} as never) : undefined),
      newestPin: async () => {
        if (storeFails.shift() === true) throw new Error("the store cannot be read");
        return newest;
      },
    },
    checker: isOff
      ? undefined
      : {
          findKnown: async ({ pinned }) => (pinned === "good@sha256:0" ? imageFacts() : read.get(pinned)),
          readPresent: async ({ reference }) => {
            asked.push(`read ${reference}`);
            const found = await facts[reference];
            if (found !== undefined) read.set(`${reference}@sha256:1`, found);
            return found;
          },
        },
    resolveAnew: named && (() => named),
    clock,
    log: silentLogger,
  });
  return { check, asked, clock, storeFails };
}

/** The first that are reported. */
async function lateNotes(whenRead: CheckedImages["whenRead"]): Promise<readonly RunNote[]> {
  const late = Promise.withResolvers<readonly RunNote[]>();
  whenRead(async (notes) => late.resolve(notes));
  return await late.promise;
}

const CANNOT = { code: "IMAGE_CANNOT_RUN" };
const missing = new BoxkiteError("IMAGE_NOT_FOUND", "there is no team/gone:1", { hint: "push it" });

suite("a run", () => {
  test("is refused for its own image, and has the images as they were resolved otherwise", async () => {
    const { check, asked } = setup({ facts: { old: OLD, good: imageFacts() } });
    await assert.rejects(check.ofRun(RUN, task("old")), CANNOT);
    asked.length = 0;
    const { images, notes } = await check.ofRun(RUN, task("good"));
    assert.deepEqual(
      images.map((each) => "image" in each && each.image.pinned),
      ["good@sha256:1"],
    );
    assert.deepEqual([notes, asked], [[], ["resolve good", "read good"]]);
  });

  test("is refused for an image of its program that is not there, and not for one that may start another program", async () => {
    const { check } = setup({
      errors: { gone: missing },
      facts: { good: imageFacts(), empty: imageFacts({ pythons: [], programs: {} }) },
    });
    await assert.rejects(check.ofRun(RUN, task("good", { relatedImages: ["gone"] })), missing);
    const { notes } = await check.ofRun(RUN, task("good", { relatedImages: ["empty"] }));
    assert.deepEqual(
      notes.map(({ image, code }) => [image, code]),
      [["empty", "NO_INTERPRETER"]],
    );
  });

  test("that recovers another one may not need the images of its children", async () => {
    const { check } = setup({ errors: { gone: missing }, facts: { good: imageFacts() } });
    const settings = { ...NO_SETTINGS, recover: { run: "r0", rerun: [] } };
    const { notes } = await check.ofRun({ ...RUN, settings }, task("good", { relatedImages: ["gone"] }));
    assert.deepEqual(
      notes.map(({ code, mend }) => [code, mend]),
      [["IMAGE_NOT_FOUND", "push it"]],
    );
  });

  test("whose result is known needs no image", async () => {
    const { check } = setup({ facts: { old: OLD }, hasResult: true });
    await check.ofRun(RUN, task("old", {}, CACHE));
    await assert.rejects(check.ofRun(RUN, task("old", {}, { ...CACHE, overwrite: true })), CANNOT);
    await assert.rejects(check.ofRun(RUN, task("old")), CANNOT);
  });

  test("that was accepted before, and is sent again, is not refused", async () => {
    const { check } = setup({ errors: { gone: missing }, exists: true });
    await check.ofRun(RUN, task("gone"));
  });

  test("waits 5 s for all its images together, and starts without what is not known by then", async () => {
    const never = new Promise<ImageFacts>(() => {});
    const { check, clock } = setup({ facts: { slow: never, slower: never } });
    const checked = check.ofRun(RUN, task("slow", { relatedImages: ["slower"] }));
    let isOver = false;
    void checked.then(() => (isOver = true));
    await clock.step(4_999);
    assert.equal(isOver, false);
    await clock.step(1);
    assert.deepEqual((await checked).notes, []);
    assert.equal(clock.pending, 0);
  });

  test("gets the notes on what was read later", async () => {
    const slow = Promise.withResolvers<ImageFacts>();
    const { check, clock } = setup({ facts: { slow: slow.promise } });
    const checked = check.ofRun(RUN, task("slow"));
    await clock.step(5_000);
    const { notes, whenRead } = await checked;
    const late = lateNotes(whenRead);
    slow.resolve(OLD);
    const codes = (await late).map(({ code }) => code);
    assert.deepEqual([notes, codes], [[], ["IMAGE_CANNOT_RUN"]]);
  });

  test("starts a few containers at a time, and none after it was accepted", async () => {
    const slow = Promise.withResolvers<ImageFacts>();
    const names = ["a", "b", "c", "d", "e", "f"];
    const { check, clock, asked } = setup({
      facts: Object.fromEntries(names.map((name) => [name, slow.promise])),
    });
    const checked = check.ofRun(RUN, task("a", { relatedImages: names.slice(1) }));
    await clock.step(5_000);
    await checked;
    slow.resolve(imageFacts());
    await clock.step(1);
    assert.deepEqual(
      asked.filter((each) => each.startsWith("read")),
      ["read a", "read b", "read c", "read d"],
    );
  });

  test("is not refused because a check fails", async () => {
    const failing = Promise.reject(new BoxkiteError("IMAGE_NOT_FOUND", "removed meanwhile"));
    const { check } = setup({ facts: { good: failing } });
    assert.deepEqual((await check.ofRun(RUN, task("good"))).notes, []);
  });

  test("is not checked where that is switched off, or where tasks run in no images", async () => {
    const { check, asked } = setup({ errors: { gone: missing }, isOff: true });
    await check.ofRun(RUN, task("gone"));
    await check.ofTask(RUN, task("gone").spec?.definition ?? assert.fail());
    assert.deepEqual((await check.ofChild(RUN, task("gone"))).notes, []);
    assert.deepEqual(asked, ["resolve gone"]);
  });

  test("of a program of the image's own is refused only where there is no image", async () => {
    const { check, asked } = setup({ facts: { empty: imageFacts({ pythons: [], programs: {} }) } });
    await check.ofRun(RUN, task("empty", { type: "raw-container", args: ["sh", "-c", "true"] }));
    assert.deepEqual(asked, ["resolve empty"]);
  });
});

suite("a tag that has moved", () => {
  const before = {
    reference: "good",
    pinned: "good@sha256:0",
    digest: "sha256:0",
    source: "registry",
  } as const;
  const newest = { run: "r0", image: before, isUnpinned: false };
  const newer = imageFacts({
    pythons: [{ ...PYTHON, packages: { ...PYTHON.packages, pip: "24.0", torch: "2.1" } }],
  });

  test("is a note of the run, and of a child whose image nobody knew of before", async () => {
    const { check } = setup({ facts: { good: newer }, newest });
    const note = {
      image: "good",
      code: "TAG_MOVED",
      text: "changed since run r0: 2 packages differ",
      mend: "for what that run used: good@sha256:0",
    };
    assert.deepEqual((await check.ofRun(RUN, task("good"))).notes, [note]);
    assert.deepEqual((await check.ofChild(RUN, task("good"))).notes, [note]);
    const unread = setup({ newest });
    assert.equal((await unread.check.ofRun(RUN, task("good"))).notes[0]?.text, "changed since run r0");
  });

  test("is also where images are not checked", async () => {
    const { check } = setup({ isOff: true, newest });
    assert.equal((await check.ofRun(RUN, task("good"))).notes[0]?.code, "TAG_MOVED");
  });

  test("is a note of a run that uses what the one before it used", async () => {
    const image = {
      reference: "good",
      pinned: "good@sha256:1",
      digest: "sha256:1",
      source: "registry",
    } as const;
    const held = { newest: { run: "r0", image, isUnpinned: false }, facts: { good: imageFacts() } };
    const named = Promise.withResolvers<ResolvedImage>();
    const { check, clock } = setup({ ...held, named: named.promise });
    // The run does not wait for the registry.
    const { notes, whenRead } = await check.ofRun(RUN, task("good"));
    assert.deepEqual([notes, clock.pending], [[], 0]);
    const late = lateNotes(whenRead);
    named.resolve(before);
    assert.deepEqual(await late, [
      {
        image: "good",
        code: "TAG_MOVED",
        text: "names other content now, and this run uses what it named before (--image-policy pinned)",
        mend: "boxkite images unpin good",
      },
    ]);
    const unmoved = await setup({ ...held, named: Promise.resolve(image) }).check.ofRun(RUN, task("good"));
    assert.deepEqual(await lateNotes(unmoved.whenRead), []);
    const away = Promise.withResolvers<ResolvedImage>();
    const unknown = await setup({ ...held, named: away.promise }).check.ofRun(RUN, task("good"));
    unknown.whenRead(() => assert.fail("nobody knows"));
    away.reject(new BoxkiteError("REGISTRY_UNREACHABLE", "it does not answer"));
  });

  test("cannot be told where the registry was out of reach for one of the runs", async () => {
    const local = { ...before, pinned: "sha256:9", source: "engine" } as const;
    const { check } = setup({ facts: { good: imageFacts() }, newest: { ...newest, image: local } });
    assert.deepEqual((await check.ofRun(RUN, task("good"))).notes, []);
  });
});

test("a task that is deployed is checked for its own image", async () => {
  const { check, asked } = setup({ facts: { old: OLD, good: imageFacts() } });
  const definition = (image: string) =>
    task(image, { relatedImages: ["old"] }).spec?.definition ?? assert.fail();
  await check.ofTask(RUN, definition("good"));
  assert.deepEqual(asked, ["resolve good", "read good"]);
  await assert.rejects(check.ofTask(RUN, definition("old")), CANNOT);
});

test("a task is deployed within 5 s where no registry answers", async () => {
  const { check, clock } = setup({ resolved: new Promise(() => {}) });
  const checked = check.ofTask(RUN, task("good").spec?.definition ?? assert.fail());
  await clock.step(5_000);
  await checked;
});

suite("a child", () => {
  const child = (image: string, cache?: CacheUse) => ({
    ...task(image, {}, cache),
    name: "c1",
    parent: "a0",
  });

  test("is refused; children that are sent at the same time share one check", async () => {
    const { check, asked } = setup({ facts: { old: OLD } });
    await Promise.all([1, 2, 3].map(() => assert.rejects(check.ofChild(RUN, child("old")), CANNOT)));
    assert.deepEqual(asked, ["resolve old", "read old"]);
  });

  test("that is not refused is checked once", async () => {
    const { check, asked } = setup({ facts: { good: imageFacts() } });
    for (const _ of [1, 2]) await check.ofChild(RUN, child("good"));
    assert.deepEqual(asked, ["resolve good", "read good"]);
  });

  test("is not refused any more once its image was pushed, or the store can be read again", async () => {
    const errors: Record<string, BoxkiteError> = { good: missing };
    const { check, storeFails } = setup({ facts: { good: imageFacts() }, errors });
    await assert.rejects(check.ofChild(RUN, child("good")), missing);
    delete errors["good"];
    storeFails.push(true);
    await assert.rejects(check.ofChild(RUN, child("good")), /cannot be read/u);
    await check.ofChild(RUN, child("good"));
  });

  test("gets the notes on an image that was read later, and the next one is refused for it", async () => {
    const slow = Promise.withResolvers<ImageFacts>();
    const { check, clock } = setup({ facts: { slow: slow.promise } });
    const [first, second] = [check.ofChild(RUN, child("slow")), check.ofChild(RUN, child("slow"))];
    await clock.step(5_000);
    const { notes, whenRead } = await first;
    const late = lateNotes(whenRead);
    // Once: by the child that was sent first.
    (await second).whenRead(() => assert.fail());
    slow.resolve(OLD);
    const codes = (await late).map(({ code }) => code);
    assert.deepEqual([notes, codes], [[], ["IMAGE_CANNOT_RUN"]]);
    await assert.rejects(check.ofChild(RUN, child("slow")), CANNOT);
  });

  test("that exists, or has its result, is not", async () => {
    const existing = setup({ facts: { old: OLD }, exists: true });
    assert.deepEqual((await existing.check.ofChild(RUN, child("old"))).notes, []);
    const known = setup({ facts: { old: OLD }, hasResult: true });
    assert.deepEqual((await known.check.ofChild(RUN, child("old", CACHE))).notes, []);
  });

  test("adds the notes on its image once", async () => {
    const { check } = setup({ facts: { locked: LOCKED }, isStrict: true });
    const notes = [await check.ofChild(RUN, child("locked")), await check.ofChild(RUN, child("locked"))];
    assert.deepEqual(
      notes.map((each) => each.notes.map(({ code }) => code)),
      [["WORKDIR_NOT_WRITABLE"], []],
    );
  });

  test("of another run, or started otherwise, is checked for itself", async () => {
    const { check, asked } = setup({ facts: { old: OLD } });
    await assert.rejects(check.ofChild(RUN, child("old")), CANNOT);
    await assert.rejects(check.ofChild({ ...RUN, id: 2 }, child("old")), CANNOT);
    const raw = { ...child("old"), ...task("old", { args: ["sh"] }) };
    await check.ofChild(RUN, raw);
    assert.deepEqual(asked, ["resolve old", "read old", "resolve old", "resolve old"]);
  });
});
