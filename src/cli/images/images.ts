/** `boxkite images`: what the server's builder built, from what, and who uses it. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { BoxkiteError } from "../../domain/errors.ts";
import type { BuildRecord } from "../../images/build/service.ts";
import { defaultDataDirectory } from "../../server/data-directory.ts";
import { openSqliteStore } from "../../store/sqlite/sqlite-store.ts";
import type { ImageUses, Store } from "../../store/store.ts";
import { EXIT, type Command, type CommandInput } from "../command.ts";
import { findSetting, readSettingsFile } from "../settings-file.ts";
import { buildImage } from "./build.ts";
import { pruneImages } from "./prune.ts";

export const images: Command = {
  name: "images",
  summary: "list, show, build or prune images of the server's builder",
  positionals: ["ls|inspect|build|prune", "[IMAGE|SPEC]"],
  options: {
    data: { type: "string", value: "DIR", help: "the server's data directory (~/.local/share/boxkite)" },
    engine: { type: "string", value: "NAME", help: "build, prune: auto, podman or docker (auto)" },
    target: {
      type: "string",
      value: "NAME",
      help: "build: registry/name:tag, or name:tag to keep it in the engine",
    },
    context: {
      type: "string",
      value: "FILE",
      help: "build: context.tar.gz with the files that its layers need",
    },
    "keep-days": { type: "string", value: "N", help: "prune: keep what runs of the last N days used (7)" },
    "dry-run": { type: "boolean", help: "prune: say what would go, and remove nothing" },
    config: {
      type: "string",
      value: "FILE",
      help: "the server's settings file, for its data and registries",
    },
    json: { type: "boolean", help: "one JSON object a line" },
  },
  run,
};

async function run(input: CommandInput): Promise<number> {
  const [verb = "ls", name] = input.positionals;
  const directory = await dataDirectory(input);
  const store = openStore(directory);
  try {
    switch (verb) {
      case "ls":
        return await list(store, input.values["json"] === true);
      case "inspect":
        return await inspect(store, name);
      case "build":
        return await buildImage(store, input, directory);
      case "prune":
        return await pruneImages(store, input);
      default:
        throw new BoxkiteError("CONFIG_INVALID", `there is no verb ${JSON.stringify(verb)}`, {
          hint: "boxkite images --help",
        });
    }
  } finally {
    await store.close();
  }
}

async function dataDirectory(input: CommandInput): Promise<string> {
  const setting = findSetting("data", input, await readSettingsFile(input));
  return setting?.value ?? defaultDataDirectory(input.env);
}

/** Beside a running server: SQLite lets several processes look at one file. */
function openStore(directory: string): Store {
  const file = join(directory, "store.sqlite");
  if (existsSync(file)) return openSqliteStore(file);
  throw new BoxkiteError("CONFIG_INVALID", `${directory} is no data directory of a server`, {
    hint: "name it with --data",
  });
}

async function list(store: Store, json: boolean): Promise<number> {
  const builds = await store.listBuilds();
  const rows = await Promise.all(
    builds.map(async (build) => ({ build, uses: await store.usesOfImage(build.reference) })),
  );
  if (json) {
    for (const { build, uses } of rows) process.stdout.write(`${JSON.stringify({ ...build, uses })}\n`);
    return EXIT.ok;
  }
  const table = [
    ["IMAGE", "DIGEST", "BASE", "SIZE", "BUILT", "DEPLOYED", "RUNS"],
    ...rows.map(({ build, uses }) => [
      build.target,
      build.digest.slice(0, 19),
      build.base.reference,
      megabytes(build.sizeBytes),
      new Date(build.createdAt).toISOString().slice(0, 16).replace("T", " "),
      String(uses.deployments.length),
      String(uses.runs.length),
    ]),
  ];
  const widths =
    table[0]?.map((_, column) => Math.max(...table.map((row) => row[column]?.length ?? 0))) ?? [];
  for (const row of table)
    process.stdout.write(
      `${row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join("  ")
        .trimEnd()}\n`,
    );
  return EXIT.ok;
}

async function inspect(store: Store, name: string | undefined): Promise<number> {
  const builds = await store.listBuilds();
  const build = builds.find((one) => [one.target, one.reference, one.name, one.digest].includes(name ?? ""));
  if (build === undefined) {
    throw new BoxkiteError("IMAGE_NOT_FOUND", `no build is called ${JSON.stringify(name ?? "")}`, {
      hint: "boxkite images ls",
    });
  }
  process.stdout.write(describe(build, await store.usesOfImage(build.reference)));
  return EXIT.ok;
}

function describe(build: BuildRecord, uses: ImageUses): string {
  const lines = [
    `image       ${build.target}`,
    `reference   ${build.reference}`,
    `base        ${build.base.reference} (${build.base.digest}, from the ${build.base.source})`,
    `size        ${megabytes(build.sizeBytes)}`,
    `built       ${new Date(build.createdAt).toISOString()} in ${(build.durationMs / 1000).toFixed(1)} s${build.pushed ? ", pushed" : ", kept in the engine"}`,
    ...uses.deployments.map(
      (task) => `deployed    ${task.project}/${task.domain}/${task.name} ${task.version}`,
    ),
    ...uses.runs
      .slice(-10)
      .map(
        (run) =>
          `run         ${run.key.project}/${run.key.domain}/${run.key.run}${run.live ? " (running)" : ""}`,
      ),
    "",
    build.containerfile.trimEnd(),
    "",
  ];
  return lines.join("\n");
}

function megabytes(bytes: number): string {
  return `${Math.round(bytes / 1_000_000)} MB`;
}
