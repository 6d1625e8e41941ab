/**
 * Each kind of image: what the check says, what a run does, and that the two agree. docs/image-matrix.md is made of what is
 * expected here. BOXKITE_MATRIX_SECONDS=write also records how long a user waits for the check, which the table shows.
 */
import assert from "node:assert/strict";
import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, suite, test, type TestContext } from "node:test";
import { ALL_ADAPTATIONS, NO_ADAPTATIONS } from "../../../src/images/check/adaptations.ts";
import { RUNTIMES_DIRECTORY } from "../../../src/python-runtime/runtime-store.ts";
import { missingEngine } from "../../helpers/engine.ts";
import { missingRegistry, startRegistry } from "../../helpers/registry.ts";
import { startServer } from "../../helpers/server.ts";
import { STORE_DIRECTORY } from "../../python-runtime/test-store.ts";
import { openChecker, type SeenCheck } from "./check-images.ts";
import { disagreementOf } from "./disagreement.ts";
import { KINDS, SETTINGS } from "./kinds.ts";
import { makeImage, removePulled, type MatrixRegistries } from "./make-images.ts";
import { runImages, type MatrixImage, type SeenRuns } from "./run-images.ts";
import { writeSeconds } from "./seconds.ts";
import { verdictText } from "./table.ts";

const skip = missingRegistry() ?? missingEngine("podman") ?? false;
const WRITES_SECONDS = process.env["BOXKITE_MATRIX_SECONDS"] === "write";

suite("the kinds of images", { skip }, () => {
  const cleanups: (() => unknown)[] = [];
  const forSuite = { after: (end: () => unknown) => cleanups.push(end) } as unknown as TestContext;
  const images: MatrixImage[] = [];
  const checks = new Map<string, SeenCheck>();
  const runs = new Map<string, SeenRuns>();

  before(async () => {
    const scratch = await mkdtemp(join(tmpdir(), "boxkite-matrix-"));
    cleanups.push(() => rm(scratch, { recursive: true, force: true }));
    const registries: MatrixRegistries = {
      open: await startRegistry(join(scratch, "open")),
      closed: await startRegistry(join(scratch, "closed"), { login: true }),
    };
    cleanups.push(async () => {
      await removePulled(registries);
      await registries.open.stop();
      await registries.closed.stop();
    });
    for (const kind of KINDS) {
      const reference = await makeImage(kind, registries, scratch);
      if (reference !== undefined) images.push({ kind, reference });
    }
    // What the other measures would falsify its seconds.
    const checking = checkAll();
    if (WRITES_SECONDS) await checking;
    await Promise.all([checking, runAll(scratch)]);
    if (WRITES_SECONDS) await writeSeconds(checks);
  });

  after(async () => {
    for (const end of cleanups.toReversed()) await end();
  });

  const checkAll = async () => {
    const checker = await openChecker();
    cleanups.push(() => checker.close());
    for (const { kind, reference } of images) checks.set(kind.name, await checker.check(reference));
  };

  const runAll = async (scratch: string) => {
    const data = join(scratch, "data");
    await mkdir(data, { mode: 0o700 });
    await mkdir(STORE_DIRECTORY, { recursive: true });
    await symlink(STORE_DIRECTORY, join(data, RUNTIMES_DIRECTORY));
    const settings = join(scratch, "settings.yaml");
    await writeFile(settings, SETTINGS);
    const args = ["--engine", "podman", "--data", data, "--config", settings, "--max-parallel", "4"];
    const server = await startServer(forSuite, { args });
    const seen = await runImages(images, server.config, join(scratch, "program"));
    for (const [index, { kind }] of images.entries()) {
      const both = seen[index];
      if (both !== undefined) runs.set(kind.name, both);
    }
  };

  for (const kind of KINDS) {
    const { name, what, image, expected } = kind;
    const reason = image.kind === "none" ? image.because : false;
    test(`${name}: ${what}`, { skip: reason }, (t) => {
      if (!images.some((each) => each.kind === kind)) return t.skip("its image does not fit on this disk");
      const check = checks.get(name);
      const run = runs.get(name);
      assert.ok(check !== undefined && run !== undefined);
      const { report, strict } = check;
      const codesAt = (level: string) =>
        report.findings.filter((each) => each.level === level).map(({ code }) => code);
      assert.deepEqual(
        {
          verdict: verdictText(report.verdict),
          strictVerdict: verdictText(strict.verdict),
          limits: codesAt("limits"),
          notes: (expected.notes ?? []).filter((code) => codesAt("note").includes(code)),
          run: run.adapted.outcome,
          strictRun: run.strict.outcome,
        },
        { ...expected, limits: expected.limits ?? [], notes: expected.notes ?? [] },
      );
      assert.equal(disagreementOf(report, ALL_ADAPTATIONS, run.adapted), undefined);
      assert.equal(disagreementOf(strict, NO_ADAPTATIONS, run.strict), undefined);
    });
  }
});
