/** `boxkite images`: what the server's builder built, from what, and who uses it. */
import { BoxkiteError } from "../../domain/errors.ts";
import { pinKind } from "../../domain/image.ts";
import { formatTime } from "../../pages/assets/time-format.js";
import type { Store } from "../../store/store.ts";
import { EXIT, type Command, type CommandInput } from "../command.ts";
import { dataDirectory, openStoreIn } from "../data-directory.ts";
import { readSettingsFile } from "../settings-file.ts";
import { verbOf } from "../verbs.ts";
import { buildJson, describeBuild, formatBytes, formatTable } from "./describe.ts";
import { findBuild } from "./find-build.ts";

export const images: Command = {
  name: "images",
  summary: "say whether an image runs; list, show, build or prune those of the server's builder",
  positionals: ["ls|inspect|check|unpin|build|prune", "[IMAGE|PROGRAM|SPEC]"],
  options: {
    data: { type: "string", value: "DIR", help: "the server's data directory (~/.local/share/boxkite)" },
    engine: { type: "string", value: "NAME", help: "check, build, prune: auto, podman or docker (auto)" },
    task: {
      type: "string",
      value: "MODULE:NAME",
      help: "check: whether the module of this task can be imported in the image",
    },
    strict: {
      type: "boolean",
      help: "check: whether it runs as a black box, with nothing adapted to it (up --strict-images)",
    },
    python: {
      type: "string",
      value: "FILE",
      help: "check of a program: the interpreter whose environment has flyte (the active one)",
    },
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
    "dry-run": { type: "boolean", help: "prune: list what would be removed, and remove nothing" },
    config: {
      type: "string",
      value: "FILE",
      help: "the server's settings file, for its data and registries",
    },
    json: { type: "boolean", help: "ls, inspect, check: one JSON object a line" },
  },
  run,
};

/** The options that each verb acts on, beside `data` and `config`. */
const VERBS = {
  ls: ["json"],
  inspect: ["json"],
  check: ["engine", "task", "strict", "python", "json"],
  unpin: [],
  build: ["engine", "target", "context"],
  prune: ["engine", "keep-days", "dry-run"],
} as const;

async function run(input: CommandInput): Promise<number> {
  const { verb, name } = verbOf(input, "images", VERBS, "ls");
  const directory = dataDirectory(input, await readSettingsFile(input));
  // Each verb loads what it needs: a check of a known image is over before the builder's code is read.
  if (verb === "check") return await (await import("./check.ts")).checkImages(input, directory);
  const store = await openStoreIn(directory);
  try {
    switch (verb) {
      case "ls":
        return await list(store, input.values["json"] === true);
      case "inspect":
        return await inspect(store, name, input.values["json"] === true);
      case "unpin":
        return await unpin(store, name);
      case "build":
        return await (await import("./build.ts")).buildImage(store, input, directory);
      case "prune":
        return await (await import("./prune.ts")).pruneImages(store, input);
    }
  } finally {
    await store.close();
  }
}

async function list(store: Store, json: boolean): Promise<number> {
  const builds = await store.listBuilds();
  const rows = await Promise.all(
    builds.map(async (build) => ({ build, uses: await store.usesOfBuild(build) })),
  );
  if (json) {
    for (const { build, uses } of rows) process.stdout.write(`${JSON.stringify(buildJson(build, uses))}\n`);
    return EXIT.ok;
  }
  const table = [
    ["IMAGE", "DIGEST", "IMAGE ID", "BASE", "SIZE", "BUILT", "DEPLOYED", "RUNS"],
    ...rows.map(({ build, uses }) => [
      build.target,
      pinKind(build.reference) === "digest" ? build.digest.slice(0, 19) : "-",
      build.imageId.slice(0, 19),
      build.base.reference,
      formatBytes(build.sizeBytes),
      formatTime(build.createdAt),
      String(uses.deployments.length),
      String(uses.runs.length),
    ]),
  ];
  process.stdout.write(formatTable(table));
  return EXIT.ok;
}

async function inspect(store: Store, name: string | undefined, json: boolean): Promise<number> {
  const build = findBuild(await store.listBuilds(), name);
  const uses = await store.usesOfBuild(build);
  process.stdout.write(json ? `${JSON.stringify(buildJson(build, uses))}\n` : describeBuild(build, uses));
  return EXIT.ok;
}

/** For a server with `--image-policy pinned`: the next run uses what the reference names then. */
async function unpin(store: Store, name: string | undefined): Promise<number> {
  if (name === undefined)
    throw new BoxkiteError("CONFIG_INVALID", "images unpin wants an image", {
      hint: "boxkite images unpin REGISTRY/IMAGE:TAG, as programs name it",
    });
  if ((await store.unpinImage(name)) === "missing")
    throw new BoxkiteError("IMAGE_NOT_FOUND", `no run has used the image ${name}`, {
      hint: "name it as programs do; the page of a run shows that as Reference",
    });
  process.stdout.write(`unpinned ${name}: the next run uses what it names then\n`);
  return EXIT.ok;
}
