import assert from "node:assert/strict";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, suite, test } from "node:test";
import { temporaryDirectory } from "../helpers/server.ts";
import { until } from "../helpers/until.ts";
import { writeFiles } from "./fake-runtime.ts";
import {
  actionArguments,
  ownA0,
  readAttempt,
  startCold,
  startWorker,
  type Connection,
  type Ended,
} from "./worker-process.ts";
import { PROGRAMS, sourceOf } from "./worker-programs.ts";

interface Result extends Ended {
  /** By name, without what a path, a time or a process number makes different. */
  readonly files: Readonly<Record<string, string>>;
}

const COMMON = { COMMON: "of all attempts" };

/** Programs are compared in the same working directory, one after the other. */
suite("an attempt in a worker is as one with an a0 of its own", async () => {
  const names = Object.keys(PROGRAMS);
  let work = "";
  let forks = "";
  let connection: Connection;
  let errors = "";
  const stop = new AbortController();
  const lasting = {
    after: (end: () => unknown) => stop.signal.addEventListener("abort", () => void end()),
  };

  before(async () => {
    work = await mkdtemp(join(tmpdir(), "boxkite-test-"));
    forks = join(work, "..", `${work}-forks`);
    await writeFiles(work, { "inputs.pb": "" });
    for (const [index, program] of Object.values(PROGRAMS).entries())
      await writeFiles(work, { [`flow_${index}.py`]: sourceOf(program) });
    errors = `${forks}-errors`;
    const worker = await startWorker(lasting, {
      mode: "fork",
      directory: forks,
      cwd: work,
      env: COMMON,
      errors,
    });
    connection = await worker.connect();
  });
  after(async () => {
    stop.abort();
    for (const each of [work, forks, errors]) await rm(each, { recursive: true, force: true });
  });

  /** Removes what the attempt wrote. */
  const result = async ({ code, stdout, stderr }: Ended): Promise<Result> => {
    const files = await filesIn(work);
    await rm(join(work, "out"), { recursive: true, force: true });
    for (const name of ["own.txt", "written.txt"]) await rm(join(work, name), { force: true });
    return { code, stdout: comparable(stdout, work), stderr: comparable(stderr, work), files };
  };

  for (const [index, name] of names.entries()) {
    test(name, async (t) => {
      const program = PROGRAMS[name];
      const args = actionArguments("out", `flow_${index}`, "run");
      const env = { OWN: "own" };
      const cold = await result(await startCold(args, work, { ...COMMON, ...env }));
      assert.equal(cold.code, program?.code, cold.stderr);
      if (program?.prints !== undefined) assert.match(cold.stdout, program.prints);

      const directory = await temporaryDirectory(t);
      const worker = await startWorker(t, {
        mode: "one_shot",
        directory,
        cwd: work,
        env: COMMON,
        args: [...ownA0(), "--preload", ""],
      });
      const oneShot = await worker.connect();
      oneShot.send({ op: "start", id: "x", args, env });
      assert.deepEqual(await result(await worker.ended), cold);
      await oneShot.closed();
      assert.deepEqual(
        oneShot.reports.map(({ event }) => event),
        ["ready", "started"],
      );
      assert.deepEqual(await readdir(directory), []);

      const fork = async (id: string) => {
        connection.send({ op: "start", id, args, env });
        const { code } = await connection.report("exited", id);
        const forked = await readAttempt(forks, id);
        assert.equal(forked.code, code);
        return result(forked);
      };
      assert.deepEqual(await fork(`x-${index}`), cold);
      // A module that cannot be imported is not imported ahead either.
      if (program?.module !== undefined && program.code === 1) return;

      // Its module is imported ahead now, or it is known that it must not be.
      const decided = new RegExp(
        `(flow_${index} is imported ahead|each attempt imports flow_${index}) .*`,
        "u",
      );
      await until(async () => decided.test(await readFile(errors, "utf8")));
      t.diagnostic(decided.exec(await readFile(errors, "utf8"))?.[0] ?? "");
      assert.deepEqual(await fork(`y-${index}`), cold);
    });
  }
});

async function filesIn(directory: string): Promise<Record<string, string>> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true });
  const written = entries.filter(({ name, parentPath }) => {
    return !/^flow_|^inputs/u.test(name) && !parentPath.includes("__pycache__");
  });
  const contents = written
    .filter((each) => each.isFile())
    .map(async ({ name, parentPath }) => {
      return [name, comparable(await readFile(join(parentPath, name), "utf8"), directory)] as const;
    });
  return Object.fromEntries(await Promise.all(contents));
}

/** Without what a time or a process number makes different. */
function comparable(text: string, directory: string): string {
  return (
    text
      .replaceAll(directory, "WORK")
      .replace(/\d\d:\d\d:\d\d\.\d+/gu, "TIME")
      .replace(/0x[0-9a-f]+/gu, "ADDRESS")
      // Until Python 3.12 an exception has the frames up to the last one that caught it, which in a worker is its own.
      .replace(/^  File .*\/bin\/a0", line .*\n(?:    .*\n)+  File .*, in __call__\n(?:    .*\n)+/gmu, "")
  );
}
