/** `boxkite images check`: whether images run, what is in them, and the line that mends what is wrong. */
import { join } from "node:path";
import { BoxkiteError } from "../../domain/errors.ts";
import type { ImageChecker } from "../../executors/image-checker.ts";
import {
  ALL_ADAPTATIONS,
  NO_ADAPTATIONS,
  type AvailableAdaptations,
} from "../../images/check/adaptations.ts";
import { findKnownFacts, type FactsCache } from "../../images/check/facts-cache.ts";
import {
  reportOn,
  reportOnError,
  reportOnUnnamed,
  type CheckedImage,
  type ImageReport,
} from "../../images/check/report.ts";
import { subjectOf, type CheckContext } from "../../images/check/subject.ts";
import { importFinding, parseTaskName, type TaskName } from "../../images/check/task-import.ts";
import { isEngineLocalName, parseImageReference, pinnedReference } from "../../images/reference.ts";
import { createCredentialSource } from "../../images/registry/credentials.ts";
import { machinePlatform } from "../../images/registry/platform.ts";
import { createRegistryClient } from "../../images/registry/registry-client.ts";
import type { Platform } from "../../platform/platform.ts";
import { hasStore, STORE_FILE } from "../../server/store-file.ts";
import { EXIT, type CommandInput } from "../command.ts";
import { readSettingsFile } from "../settings-file.ts";
import { builtJson, builtText, reportJson, reportText } from "./check-report.ts";
import { nvidiaDriver } from "./nvidia-driver.ts";
import type { EnvironmentImage } from "./program/environment-image.ts";
import { imagesOfProgram, isMissingProgram, isProgram } from "./program/program-images.ts";

/** A fast way for what is known, and an engine for the rest, which is searched for when it is needed. */
interface Checking {
  readonly input: CommandInput;
  readonly cache: FactsCache | undefined;
  readonly machine: CheckContext;
  readonly task: TaskName | undefined;
  readonly available: AvailableAdaptations;
  readonly engine: () => Promise<ImageChecker>;
  readonly signal: AbortSignal;
}

/** Throws CONFIG_INVALID for arguments, ENGINE_* without a usable engine. */
export async function checkImages(input: CommandInput, dataDirectory: string): Promise<number> {
  const [, name] = input.positionals;
  const task = taskOf(input);
  if (name === undefined || name === "") {
    throw new BoxkiteError("CONFIG_INVALID", "name the image, or the file of a program", {
      hint: "boxkite images check registry.example.com/team/app:1, or boxkite images check main.py",
    });
  }
  if (isMissingProgram(name)) {
    throw new BoxkiteError("CONFIG_INVALID", `there is no file ${name}`, {
      hint: "name the file of a program, or an image with its tag: boxkite images check registry.example.com/team/app:1",
    });
  }
  const store = (await hasStore(dataDirectory)) ? await openStore(dataDirectory) : undefined;
  const engine = lazyEngine(input, store);
  const interrupted = new AbortController();
  const stop = () => {
    interrupted.abort();
    engine.stop();
  };
  process.once("SIGINT", stop).once("SIGTERM", stop);
  const checking: Checking = {
    input,
    cache: store,
    machine: { driver: await nvidiaDriver() },
    task,
    available: input.values["strict"] === true ? NO_ADAPTATIONS : ALL_ADAPTATIONS,
    signal: interrupted.signal,
    engine: engine.checker,
  };
  try {
    const { reports, built } = isProgram(name)
      ? await checkProgram(checking, name)
      : { reports: [await checkOne(checking, name)], built: [] };
    const json = input.values["json"] === true;
    for (const report of reports)
      process.stdout.write(json ? `${JSON.stringify(reportJson(report))}\n` : reportText(report));
    for (const each of built)
      process.stdout.write(json ? `${JSON.stringify(builtJson(each))}\n` : builtText(each));
    return exitCodeOf(reports);
  } catch (error) {
    // Containers were removed on the way here.
    if (interrupted.signal.aborted) return EXIT.interrupted;
    throw error;
  } finally {
    await engine.close();
    await store?.close();
  }
}

/** One engine for all images, searched for when the first of them needs it. */
function lazyEngine(
  input: CommandInput,
  cache: FactsCache | undefined,
): {
  readonly checker: () => Promise<ImageChecker>;
  /** Ends what is being pulled. */
  readonly stop: () => void;
  readonly close: () => Promise<void>;
} {
  let opening: Promise<{ readonly platform: Platform; readonly checker: ImageChecker }> | undefined;
  const open = async () => {
    const { chooseEngine } = await import("./engine.ts");
    const platform = await chooseEngine(input);
    const checker = platform.createImageChecker?.(cache);
    if (checker !== undefined) return { platform, checker };
    await platform.close();
    throw new BoxkiteError("ENGINE_UNREACHABLE", "there is no engine to check with");
  };
  return {
    checker: async () => (await (opening ??= open())).checker,
    stop: () =>
      void opening?.then(
        ({ checker }) => checker.close(),
        () => undefined,
      ),
    close: async () => {
      const opened = await opening?.catch(() => undefined);
      opened?.checker.close();
      await opened?.platform.close();
    },
  };
}

async function openStore(directory: string) {
  const { openSqliteStore } = await import("../../store/sqlite/sqlite-store.ts");
  return openSqliteStore(join(directory, STORE_FILE));
}

function taskOf({ values }: CommandInput): TaskName | undefined {
  const text = values["task"] as string | undefined;
  if (text === undefined) return undefined;
  const task = parseTaskName(text);
  if (task !== undefined) return task;
  throw new BoxkiteError("CONFIG_INVALID", `--task is ${JSON.stringify(text)}, which names no task`, {
    hint: "write package.module:task, or for TypeScript src/main.ts:task",
  });
}

/** Every image that the program's environments name, once. Those that the SDK builds are not there yet. */
async function checkProgram(
  checking: Checking,
  file: string,
): Promise<{ readonly reports: readonly ImageReport[]; readonly built: readonly EnvironmentImage[] }> {
  const { env, values } = checking.input;
  const images = await imagesOfProgram(file, { env, python: values["python"] as string | undefined });
  if (images.length === 0) {
    throw new BoxkiteError("CONFIG_INVALID", `${file} defines no task environment`, {
      hint: "name the file that starts the run, or one that imports the tasks",
    });
  }
  const named = Map.groupBy(
    images.filter(({ kind }) => kind !== "built"),
    ({ kind, reference }) => `${kind} ${reference}`,
  );
  const reports = await Promise.all(
    [...named.values()].map(async (group) => {
      const [{ kind, reference } = { kind: "given", reference: "" }] = group;
      const report = kind === "unnamed" ? reportOnUnnamed(reference) : await checkOne(checking, reference);
      return { ...report, environments: group.map(({ environment }) => environment) };
    }),
  );
  return { reports, built: images.filter(({ kind }) => kind === "built") };
}

async function checkOne(checking: Checking, name: string): Promise<ImageReport> {
  const { machine, task, available } = checking;
  try {
    const checked = await read(checking, name);
    if (task === undefined) return reportOn(checked, { ...machine, available });
    const result = await (await checking.engine()).importTask(checked, task, { signal: checking.signal });
    const finding = importFinding(subjectOf(name, checked.facts, machine), task, result);
    return reportOn(checked, { ...machine, available, more: finding === undefined ? [] : [finding] });
  } catch (error) {
    return reportOnError(name, error);
  }
}

async function read(checking: Checking, name: string): Promise<CheckedImage> {
  const known = await readKnown(checking, name);
  if (known !== undefined) return known;
  const checker = await checking.engine();
  const isTerminal = process.stderr.isTTY;
  return await checker
    .check(name, {
      isTrusted: true,
      signal: checking.signal,
      onProgress: (message) => void (isTerminal && process.stderr.write(`\r\u001b[K${message}`)),
    })
    .finally(() => isTerminal && process.stderr.write("\r\u001b[K"));
}

/** Without an engine, which takes longer to find than everything else here. */
async function readKnown({ input, cache }: Checking, name: string): Promise<CheckedImage | undefined> {
  const reference = parseImageReference(name);
  if (cache === undefined || isEngineLocalName(reference)) return undefined;
  const { registries } = await readSettingsFile(input);
  const { env } = input;
  const platform = machinePlatform();
  const credentials = createCredentialSource({ env, registries });
  const registry = createRegistryClient({ credentials, registries, env, platform });
  // An engine may have the image all the same; if not, it says what the registry says.
  const known = await findKnownFacts(reference, { registry, cache, platform }).catch(() => undefined);
  if (known === undefined) return undefined;
  const { digest, facts } = known;
  const image = {
    reference: name,
    pinned: pinnedReference(reference, digest),
    digest,
    source: "registry",
  } as const;
  return { image, facts, isCached: true };
}

/** For CI: every image runs; one cannot; or nothing can be said of one, and of the others they run. */
export function exitCodeOf(reports: readonly ImageReport[]): number {
  const kinds = new Set(reports.map(({ verdict }) => verdict.kind));
  if (kinds.has("cannot")) return EXIT.failed;
  return kinds.has("unchecked") ? EXIT.unchecked : EXIT.ok;
}
