/** Removes built images from the engine; never what a deployment, a live or a young run needs. */
import type { ImageUses } from "../../domain/build-record.ts";
import type { ImageBuilder } from "../../builds/builder.ts";
import type { BuildRecord } from "../../domain/build-record.ts";
import type { Store } from "../../store/store.ts";
import { systemClock } from "../../lib/clock.ts";
import { optionOf, wholeNumber } from "../check-setting.ts";
import { EXIT, type CommandInput } from "../command.ts";
import { chooseEngine } from "./engine.ts";

const DAY_MS = 24 * 3_600_000;
const DEFAULT_KEEP_DAYS = 7;
const MAX_KEEP_DAYS = 36_500;

/** Why an image stays, or undefined if nothing needs it. */
export function reasonToKeep(uses: ImageUses, keepMs: number, now: number): string | undefined {
  const [task] = uses.deployments;
  if (task) return `deployed as ${task.name} ${task.version}`;
  const run = uses.runs.find(({ live, createdAt }) => live || now - createdAt < keepMs);
  return run && `used by run ${run.key.run}`;
}

export async function pruneImages(store: Store, input: CommandInput): Promise<number> {
  const { values } = input;
  const days = wholeNumber(optionOf(input, "keep-days"), DEFAULT_KEEP_DAYS, 0, MAX_KEEP_DAYS);
  const dryRun = values["dry-run"] === true;
  const choice = dryRun ? undefined : await chooseEngine(input);
  try {
    const tools = await choice?.createImageTools?.();
    const builds = await store.listBuilds();
    if (builds.length === 0) process.stdout.write("nothing was built: there is nothing to remove\n");
    for (const build of builds) {
      const why = reasonToKeep(await store.usesOfBuild(build), days * DAY_MS, systemClock.now());
      if (why !== undefined) {
        process.stdout.write(`keep    ${build.target}: ${why}\n`);
        continue;
      }
      if (!dryRun) {
        if (tools !== undefined) await removeFromEngine(tools.builder, build);
        await store.removeBuild(build.target);
      }
      process.stdout.write(`${dryRun ? "would remove" : "removed"}  ${build.target}\n`);
    }
  } finally {
    await choice?.close();
  }
  return EXIT.ok;
}

/** Its name goes: the engine keeps what has another. One that was pulled by digest has no name to take away. */
async function removeFromEngine(builder: ImageBuilder, build: BuildRecord): Promise<void> {
  await builder.remove(build.target);
  const left = await builder.inspect(build.reference);
  if (left?.names.length === 0) await builder.remove(left.id);
}
