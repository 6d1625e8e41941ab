/** `boxkite images check`: whether images run, what is in them, and the line that mends what is wrong. */
import { join } from "node:path";
import { BoxkiteError } from "../../domain/errors.ts";
import type { ImageChecker } from "../../executors/container/image-checker.ts";
import { findKnownFacts, type FactsCache } from "../../images/check/facts-cache.ts";
import { reportOn, reportOnError, type CheckedImage, type ImageReport } from "../../images/check/report.ts";
import type { CheckedMachine } from "../../images/check/subject.ts";
import { subjectOf } from "../../images/check/subject.ts";
import { importFinding, parseTaskName, type TaskName } from "../../images/check/task-import.ts";
import { isEngineLocalName, parseImageReference, pinnedReference } from "../../images/reference.ts";
import { createCredentialSource } from "../../images/registry/credentials.ts";
import { machinePlatform } from "../../images/registry/platform.ts";
import { createRegistryClient } from "../../images/registry/registry-client.ts";
import type { Platform } from "../../platform/platform.ts";
import { hasStore, STORE_FILE } from "../../server/store-file.ts";
import { EXIT, type CommandInput } from "../command.ts";
import { readSettingsFile } from "../settings-file.ts";
import { reportJson, reportText } from "./check-report.ts";
import { nvidiaDriver } from "./nvidia-driver.ts";

/** A fast way for what is known, and an engine for the rest, which is searched for when it is needed. */
interface Checking {
  readonly input: CommandInput;
  readonly cache: FactsCache | undefined;
  readonly machine: CheckedMachine;
  readonly task: TaskName | undefined;
  readonly engine: () => Promise<ImageChecker>;
  readonly signal: AbortSignal;
}

/** Throws CONFIG_INVALID for arguments, ENGINE_* without a usable engine. */
export async function checkImages(input: CommandInput, dataDirectory: string): Promise<number> {
  const [, name] = input.positionals;
  const task = taskOf(input);
  if (name === undefined || name === "") {
    throw new BoxkiteError("CONFIG_INVALID", "name the image", {
      hint: "boxkite images check registry.example.com/team/app:1",
    });
  }
  const store = (await hasStore(dataDirectory)) ? await openStore(dataDirectory) : undefined;
  const interrupted = new AbortController();
  const stop = () => interrupted.abort(new BoxkiteError("CONFIG_INVALID", "the check was interrupted"));
  process.once("SIGINT", stop).once("SIGTERM", stop);
  let platform: Platform | undefined;
  let checker: ImageChecker | undefined;
  const checking: Checking = {
    input,
    cache: store,
    machine: { driver: await nvidiaDriver() },
    task,
    signal: interrupted.signal,
    engine: async () => {
      if (checker !== undefined) return checker;
      const { chooseEngine } = await import("./engine.ts");
      platform = await chooseEngine(input);
      checker = platform.createImageChecker?.(store);
      if (checker === undefined)
        throw new BoxkiteError("ENGINE_UNREACHABLE", "there is no engine to check with");
      return checker;
    },
  };
  try {
    const report = await checkOne(checking, name);
    const json = input.values["json"] === true;
    process.stdout.write(json ? `${JSON.stringify(reportJson(report))}\n` : reportText(report));
    return exitCodeOf([report]);
  } finally {
    checker?.close();
    await platform?.close();
    await store?.close();
  }
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

export async function checkOne(checking: Checking, name: string): Promise<ImageReport> {
  const { machine, task } = checking;
  try {
    const checked = await read(checking, name);
    if (task === undefined) return reportOn(checked, machine);
    const result = await (await checking.engine()).importTask(checked, task, { signal: checking.signal });
    const finding = importFinding(subjectOf(name, checked.facts, machine), task, result);
    return reportOn(checked, machine, finding === undefined ? [] : [finding]);
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
