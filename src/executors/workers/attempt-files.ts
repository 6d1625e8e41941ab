/** What the directory of a worker says of an attempt in it: see domain/worker-protocol.ts. Code of tasks can write in it. */
import { mkdir, realpath, rm, rmdir } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { RESULT_FILES } from "../../domain/outputs.ts";
import { errnoOf, orAbsent } from "../../lib/errno.ts";
import { inOwnDirectory, readOwnFile } from "../output/own-file.ts";

/** A code has at most three digits. */
const CODE_BYTES = 16;
const REASON_BYTES = 4096;
/** Every user of an image. */
const FOR_ALL = 0o777;
const FILES = ["stdout", "stderr", "exit", "unstarted", ...RESULT_FILES];

export class AttemptFiles {
  readonly path: string;

  private constructor(path: string) {
    this.path = path;
  }

  /** `directory`: of the worker, which has to be there. */
  static async of(directory: string, id: string): Promise<AttemptFiles> {
    return new AttemptFiles(join(await realpath(directory), "attempts", id));
  }

  /** Throws EEXIST where it is there already: an earlier attempt may have put results in it. */
  async create(): Promise<void> {
    const attempts = dirname(this.path);
    await makeDirectory(attempts);
    await inOwnDirectory(attempts, async (parent, handle) => {
      await handle.chmod(FOR_ALL);
      await mkdir(join(parent, basename(this.path)));
    });
    await inOwnDirectory(this.path, (_, handle) => handle.chmod(FOR_ALL));
  }

  /** Undefined: it is not over, or its worker was ended with it. */
  async exitCode(): Promise<number | undefined> {
    const text = await readOwnFile(join(this.path, "exit"), CODE_BYTES);
    return text !== undefined && /^\d{1,3}\s*$/u.test(text) ? Number(text) : undefined;
  }

  /** Why it is over although no code of the task ran; undefined where some may have. */
  async unstarted(): Promise<string | undefined> {
    return await readOwnFile(join(this.path, "unstarted"), REASON_BYTES);
  }

  /** What else is in there goes with the worker: while that runs, no directory below is safe to descend into. */
  async remove(): Promise<void> {
    await orAbsent(
      inOwnDirectory(this.path, async (path) => {
        await Promise.all(FILES.map((name) => rm(join(path, name), { force: true })));
      }),
    );
    await rmdir(this.path).catch(() => {});
  }
}

async function makeDirectory(path: string): Promise<void> {
  await mkdir(path).catch((error: unknown) => {
    if (errnoOf(error) !== "EEXIST") throw error;
  });
}
