/**
 * Code that the server brings into containers: images in which the SDK could not fetch or unpack it, and what its own
 * extraction gives in the others.
 */
import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, test, type TestContext } from "node:test";
import type { FoundEngine } from "../../src/containers/find.ts";
import type { ImageFacts } from "../../src/domain/image-facts.ts";
import { placeCode } from "../../src/executors/container/place-code.ts";
import { confine, NO_POLICY } from "../../src/executors/container/confinement.ts";
import { probeImage } from "../../src/executors/container/image-probe.ts";
import { inspectFacts } from "../../src/executors/container/inspect-facts.ts";
import type { AttemptSpec, Executor } from "../../src/executors/executor.ts";
import { systemClock } from "../../src/lib/clock.ts";
import { executorOn, FLYTE_IMAGE, startCodeStore } from "../helpers/a0-container.ts";
import { bundleOf } from "../helpers/bundles.ts";
import { engineOutput, removeImagesOf } from "../helpers/engine.ts";
import { temporaryDirectory } from "../helpers/server.ts";
import { noEngine } from "../images/engine.ts";
import { engineForTests, TEST_ENGINES, TEST_IMAGE, type TestEngine } from "./engine-for-tests.ts";
import { Recorder } from "./recorder.ts";

const TEST_LABEL = `dev.boxkite.test-code=${process.pid}`;

/** Its folder has files of the image as well. */
const MAIN = `
import os, flyte, lib.own, lib.extra
env = flyte.TaskEnvironment(name="code")

@env.task
def main() -> str:
    print("it ran:", lib.own.WHOSE, lib.extra.WHOSE, os.stat("main.py").st_uid)
    return "done"
`;
const ITEMS = [
  { name: "main.py", text: MAIN },
  { name: "lib/extra.py", text: "WHOSE = 'bundle'" },
  { name: "new/deep/file", text: "x" },
];
const OWN = "WHOSE = 'image'";
const LIBRARY = `RUN mkdir -p /app/lib && echo "${OWN}" >/app/lib/own.py\nWORKDIR /app`;

interface Image {
  readonly id: string;
  readonly facts: ImageFacts;
}

interface Subject {
  readonly engine: TestEngine;
  readonly found: FoundEngine;
  readonly executor: Executor;
}

async function open(engine: TestEngine): Promise<Subject> {
  const found = await engine.open();
  return { engine, found, executor: executorOn(found.api, await found.api.info()) };
}

async function close({ engine, found, executor }: Subject): Promise<void> {
  await executor.close();
  await found.close();
  if (engine.name === "podman") await removeImagesOf("podman", TEST_LABEL);
  await engine.close();
}

async function build(t: TestContext, { engine, found }: Subject, lines: string): Promise<Image> {
  const { name, env } = engine;
  const directory = await temporaryDirectory(t);
  await writeFile(join(directory, "Dockerfile"), lines);
  const own = name === "podman" ? ["--pull=never", "--isolation=chroot", "--format=docker"] : [];
  const built = await engineOutput(name, ["build", "--quiet", ...own, "--label", TEST_LABEL, directory], env);
  const config = await found.api.inspectImage(built);
  assert.ok(config);
  const context = {
    api: found.api,
    info: await found.api.info(),
    policy: NO_POLICY,
    instance: "code",
    clock: systemClock,
  };
  const container = await probeImage(context, { reference: built, pinned: config.id, config });
  return { id: config.id, facts: { ...inspectFacts(config), container } };
}

interface How {
  readonly isStrict?: true;
  /** Instead of a0. */
  readonly script?: string;
  readonly more?: Partial<AttemptSpec>;
}

/** Starts the attempt as the server would, and waits for its end. */
async function run(t: TestContext, { executor, engine }: Subject, { id, facts }: Image, how: How = {}) {
  const code = await startCodeStore(t, await bundleOf(ITEMS), join(await temporaryDirectory(t), "bundles"));
  const { script, more } = how;
  const args =
    script === undefined ? {} : { args: ["sh", "-c", script, "a0", "--tgz", code.uri, "--dest", "."] };
  const spec = code.spec({ reference: id, pinned: id, digest: id, source: "engine" }, { ...args, ...more });
  const context = { bundles: code.bundles, engine: engine.name, mountsFiles: true };
  const confinement = confine(spec, NO_POLICY);
  const placed = how.isStrict ? undefined : await placeCode(spec, facts, { ...context, confinement });
  const recorder = new Recorder();
  t.after(() => executor.release(spec.key));
  await executor.start({ ...spec, ...placed?.options }, recorder.sink, recorder.observer);
  const { exitCode, message } = await recorder.ended;
  const output = recorder.lines.map(({ line }) => line);
  return {
    options: placed?.options,
    target: placed?.adaptation.target,
    exitCode,
    output: [...output, message ?? ""].join("\n"),
    said: output.find((line) => line.startsWith("it ran:")),
    isFetched: code.isFetched(),
  };
}

describe("the stock SDK, podman", { skip: await noEngine(), timeout: 600_000 }, () => {
  let subject: Subject;
  before(async () => {
    subject = await open(await engineForTests("podman"));
  });
  after(() => close(subject));

  interface Case {
    readonly image: string;
    readonly lines: string;
    readonly target?: string;
    readonly uid?: number;
    readonly more?: Partial<AttemptSpec>;
  }
  const WITHOUT_TAR = `RUN ["/opt/venv/bin/python", "-c", "import glob, os; [os.unlink(p) for p in glob.glob('/bin/*ash') + ['/bin/sh', '/bin/tar']]"]`;
  const CASES: readonly Case[] = [
    {
      image: "a USER that may not write to WORKDIR, which has files of the image",
      lines: `${LIBRARY}\nUSER 4242:17`,
      uid: 4242,
    },
    { image: "no shell and no tar", lines: `${LIBRARY}\n${WITHOUT_TAR}\nUSER 65532`, uid: 65_532 },
    { image: "a read-only root", lines: LIBRARY, more: { readOnlyRoot: true } },
    {
      image: "WORKDIR is /, where lib is a link of the image",
      lines: `RUN echo "${OWN}" >/usr/lib/own.py\nWORKDIR /\nUSER 4242`,
      target: "/",
      uid: 4242,
    },
    {
      image: "WORKDIR is a link",
      lines: `${LIBRARY}\nRUN ln -s /app /link\nWORKDIR /link\nUSER 4242`,
      target: "/link",
      uid: 4242,
    },
    {
      image: "a wrapper as ENTRYPOINT that goes to another folder",
      lines: `${LIBRARY}\nRUN printf '#!/bin/sh\\ncd /app\\nexec "$@"\\n' >/go.sh && chmod 755 /go.sh\nWORKDIR /tmp\nUSER 4242\nENTRYPOINT ["/go.sh"]`,
      uid: 4242,
    },
  ];
  for (const { image, lines, target = "/app", uid = 0, more = {} } of CASES) {
    test(image, async (t) => {
      const built = await build(t, subject, `FROM ${FLYTE_IMAGE}\n${lines}`);
      const adapted = await run(t, subject, built, { more });
      assert.deepEqual([adapted.exitCode, adapted.said], [0, `it ran: image bundle ${uid}`], adapted.output);
      assert.deepEqual([adapted.target, adapted.isFetched], [target, false]);
      const strict = await run(t, subject, built, { more, isStrict: true });
      assert.equal(strict.said, undefined, "the SDK cannot by itself");
    });
  }

  test("an image in which the SDK unpacks its code is left alone", async (t) => {
    const built = await build(t, subject, `FROM ${FLYTE_IMAGE}\n${LIBRARY}`);
    const { said, options, isFetched } = await run(t, subject, built);
    assert.deepEqual([said, options, isFetched], ["it ran: image bundle 0", undefined, true]);
  });

  test("WORKDIR is a volume: the SDK fetches and unpacks it itself", async (t) => {
    const built = await build(t, subject, `FROM ${FLYTE_IMAGE}\n${LIBRARY}\nVOLUME /app`);
    const { said, options, isFetched } = await run(t, subject, built);
    assert.deepEqual([said, options, isFetched], ["it ran: image bundle 0", undefined, true]);
  });

  test("WORKDIR is a volume, and there is no tar: files are mounted", async (t) => {
    const built = await build(t, subject, `FROM ${FLYTE_IMAGE}\n${LIBRARY}\nVOLUME /app\n${WITHOUT_TAR}`);
    const { said, options, isFetched, output } = await run(t, subject, built);
    assert.deepEqual([said, isFetched], ["it ran: image bundle 0", false], output);
    assert.equal(options?.readOnlyMounts?.length, ITEMS.length + 2);
  });
});

for (const name of TEST_ENGINES) {
  const engine = await engineForTests(name);
  describe(`archives, ${name}`, { skip: engine.missing ?? false, timeout: 600_000 }, () => {
    let subject: Subject;
    before(async () => {
      subject = await open(engine);
    });
    after(() => close(subject));
    /** The owners of all, and whether new directories can be written. */
    const script =
      "stat -c '%u:%g %A %n' . lib lib/own.py lib/extra.py new new/deep new/deep/file 2>&1; touch new/deep/more && echo writable";
    const owners = (text: string) => text.trim().split("\n");

    test("new directories belong to USER, those of the image stay as they are", async (t) => {
      const lines = `FROM ${TEST_IMAGE}\n${LIBRARY}\nRUN chmod 750 /app/lib && chown 0:17 /app/lib\nUSER 4242:17`;
      const { exitCode, output } = await run(t, subject, await build(t, subject, lines), { script });
      assert.deepEqual(owners(output), [
        "0:0 drwxr-xr-x .",
        "0:17 drwxr-x--- lib",
        "0:0 -rw-r--r-- lib/own.py",
        "4242:17 -rw-r--r-- lib/extra.py",
        "4242:17 drwxr-xr-x new",
        "4242:17 drwxr-xr-x new/deep",
        "4242:17 -rw-r--r-- new/deep/file",
        "writable",
      ]);
      assert.equal(exitCode, 0);
    });

    test("a WORKDIR that is missing is made", async (t) => {
      const lines = `FROM ${TEST_IMAGE}\nWORKDIR /gone/deep\nUSER 4242:17`;
      const image = await build(t, subject, lines);
      const gone = { ...image.facts, config: { ...image.facts.config, workdir: "/not/there" } };
      const { output, exitCode } = await run(
        t,
        subject,
        { ...image, facts: gone },
        {
          script: "cd /not/there; stat -c '%u:%g %n' . main.py new/deep; touch new/deep/x",
        },
      );
      assert.deepEqual([exitCode, owners(output)], [0, ["4242:17 .", "4242:17 main.py", "4242:17 new/deep"]]);
    });

    test("a link to a directory stays one, and what is behind it gets the files", async (t) => {
      const lines = `FROM ${TEST_IMAGE}\nRUN mkdir -p /srv/lib /app && ln -s /srv/lib /app/lib && ln -s /app /link\nWORKDIR /link\nUSER 4242`;
      const { output } = await run(t, subject, await build(t, subject, lines), {
        script: "readlink /link lib; ls /srv/lib",
      });
      assert.deepEqual(owners(output), ["/app", "/srv/lib", "extra.py"]);
    });

    test("a read-only root has the files, and stays read-only", async (t) => {
      const image = await build(t, subject, `FROM ${TEST_IMAGE}\n${LIBRARY}\nUSER 4242:17`);
      const { exitCode, output } = await run(t, subject, image, {
        script:
          "cat lib/own.py lib/extra.py .fast0123.tar.gz.extracted && ! touch main.py lib/other new/other",
        more: { readOnlyRoot: true },
      });
      assert.equal(exitCode, 0, output);
      assert.match(output, /WHOSE = 'image'/u);
      assert.match(output, /WHOSE = 'bundle'/u);
    });
  });
}
