/**
 * The code that is sent with runs, on this machine's disk: of each bundle a directory with its archive, and with its files
 * where they were needed. One process uses the directory at a time.
 */
import { createHash, randomBytes } from "node:crypto";
import { mkdir, readdir, rename, rm, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { Readable } from "node:stream";
import { messageOf } from "../domain/errors.ts";
import type { RunKey } from "../domain/ids.ts";
import type { Clock } from "../lib/clock.ts";
import { orAbsent } from "../lib/errno.ts";
import { createKeyLocks } from "../lib/key-locks.ts";
import type { Logger } from "../lib/log.ts";
import { markUsed, removeUnused } from "../lib/unused.ts";
import type { CodeBundle } from "./bundle-arguments.ts";
import { BUNDLE_LIMITS, BundleRefused, isFileName, type BundleLimits } from "./bundle-entry.ts";
import { makeArchive } from "./make-archive.ts";
import { readPrepared, writePrepared, type PreparedBundle } from "./prepared-bundle.ts";
import { filesIn, unpackArchive, type UnpackedFile } from "./unpack-archive.ts";

/** Their directory, below the data directory. */
export const CODE_BUNDLES_DIRECTORY = "code-bundles";

export interface CacheLimits {
  readonly bytes: number;
  readonly unusedMs: number;
}

const CACHE_LIMITS: CacheLimits = { bytes: 2 * 1024 ** 3, unusedMs: 30 * 24 * 3_600_000 };
/** An attempt for which a bundle was prepared may not have begun to use it; see also MARK_EVERY_MS. */
const IN_USE_MS = 2 * 3_600_000;
const FILES = "files";
/** In front of the name of what is not complete. */
const UNFINISHED = ".unfinished-";
/** Of bundles that were refused, as long as this process runs. */
const REMEMBERED_REFUSALS = 1_000;

export interface BundleObject {
  /** Changes when the object is replaced: its ETag. */
  readonly version: string;
  read(): Promise<Readable>;
}

/** Undefined where there is no such object, or this run may not read it. */
export type FindBundleObject = (uri: string, run: RunKey) => Promise<BundleObject | undefined>;

export interface CodeBundlesOptions {
  readonly directory: string;
  readonly findObject: FindBundleObject;
  readonly clock: Clock;
  readonly log: Logger;
  /** @default BUNDLE_LIMITS */
  readonly bundleLimits?: BundleLimits;
  /** @default 2 GiB, and 30 days without use */
  readonly cacheLimits?: CacheLimits;
}

export interface CodeBundles {
  /**
   * Undefined where the task has to fetch and unpack it itself: the object cannot be read, or it is nothing that the SDKs
   * make. That is logged, and never an error.
   */
  prepare(bundle: Pick<CodeBundle, "uri" | "kind">, run: RunKey): Promise<PreparedBundle | undefined>;
  /** The files of a prepared bundle on this machine, for every user to read; undefined as above. */
  unpack(bundle: PreparedBundle): Promise<readonly UnpackedFile[] | undefined>;
  /** Removes what no attempt was started with for long, and what goes beyond the limits. */
  removeUnused(): Promise<void>;
}

export function createCodeBundles(options: CodeBundlesOptions): CodeBundles {
  const { directory, findObject, clock, log } = options;
  const { bundleLimits = BUNDLE_LIMITS, cacheLimits = CACHE_LIMITS } = options;
  const locks = createKeyLocks();
  const refused = new Set<string>();
  const unfinished = new Set<string>();

  /** Whatever `make` writes into the directory that it is given appears under its name when it is whole. */
  const makeWhole = async (target: string, make: (path: string) => Promise<void>) => {
    const name = `${UNFINISHED}${randomBytes(6).toString("hex")}`;
    const path = join(directory, name);
    unfinished.add(name);
    try {
      await mkdir(path, { recursive: true });
      await make(path);
      // What a power failure damaged.
      await rm(target, { recursive: true, force: true });
      await rename(path, target);
    } finally {
      await rm(path, { recursive: true, force: true });
      unfinished.delete(name);
    }
  };

  const removeAllUnused = () =>
    locks("", async () => {
      for (const name of (await orAbsent(readdir(directory))) ?? []) {
        // A process that was killed left it.
        if (name.startsWith(UNFINISHED) && !unfinished.has(name))
          await rm(join(directory, name), { recursive: true, force: true });
      }
      const isKept = (name: string) => unfinished.has(name);
      await removeUnused(directory, clock, { ...cacheLimits, inUseMs: IN_USE_MS, isKept });
    });

  const make = async (
    target: string,
    { uri, kind }: Pick<CodeBundle, "uri" | "kind">,
    object: BundleObject,
  ) => {
    const fileName = uri.split("/").at(-1) ?? "";
    if (!isFileName(fileName)) throw new BundleRefused("its URI does not end with the name of a file");
    await makeWhole(target, async (path) => {
      const content = await object.read();
      await writePrepared(path, (archive) => makeArchive({ kind, fileName, content }, archive, bundleLimits));
    });
    await markUsed(target, clock);
    await removeAllUnused();
  };

  /** Undefined after a failure that is logged. */
  const orLogged = async <T>(key: string, uri: string, work: () => Promise<T>): Promise<T | undefined> => {
    try {
      return await work();
    } catch (error) {
      if (error instanceof BundleRefused && refused.size < REMEMBERED_REFUSALS) refused.add(key);
      log.warn("a code bundle was not prepared: tasks fetch and unpack it themselves", {
        bundle: uri,
        error: messageOf(error),
      });
      return undefined;
    }
  };

  return {
    prepare: async (bundle, run) => {
      const { uri, kind } = bundle;
      return await orLogged("", uri, async () => {
        const object = await findObject(uri, run);
        if (object === undefined) return undefined;
        const key = createHash("sha256").update([kind, uri, object.version].join("\n")).digest("hex");
        const target = join(directory, key);
        return await locks(key, async () => {
          const found = await readPrepared(target);
          if (found !== undefined) {
            await markUsed(target, clock);
            return found;
          }
          if (refused.has(key)) return undefined;
          await orLogged(key, uri, () => make(target, bundle, object));
          return await readPrepared(target);
        });
      });
    },
    unpack: async ({ archive }) => {
      const target = join(dirname(archive), FILES);
      return await locks(target, async () => {
        if (refused.has(target)) return undefined;
        return await orLogged(target, archive, async () => {
          if ((await orAbsent(stat(target))) === undefined)
            await makeWhole(target, (path) => unpackArchive(archive, path));
          return await filesIn(target);
        });
      });
    },
    removeUnused: removeAllUnused,
  };
}
