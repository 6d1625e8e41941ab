/** One build as text: its image, base, uses, layers and Containerfile. */
import type { BuildRecord, ImageLayer } from "../../domain/build-record.ts";
import type { ImageUses } from "../../domain/build-record.ts";
import { pinKind } from "../../domain/image.ts";
import { formatDuration } from "../../pages/assets/duration.js";
import { formatTime } from "../../pages/assets/time-format.js";

const SHOWN_RUNS = 10;
const SHOWN_COLUMNS = 100;

/** For programs. What is called a digest is one: an id that only the engine knows has a field of its own. */
export function buildJson({ base, ...build }: BuildRecord, uses: ImageUses): unknown {
  const { digest, ...named } = base;
  return {
    ...build,
    digest: pinKind(build.reference) === "digest" ? build.digest : null,
    base: base.source === "engine" ? { ...named, imageId: digest } : base,
    uses,
  };
}

/** None of a build by the operator, or by an older version. */
function ownersOf({ owner, users = [] }: BuildRecord): string[] {
  const places = [...(owner === undefined ? [] : [owner]), ...users];
  if (places.length === 0) return [];
  return [`built for   ${places.map(({ project, domain }) => `${project}/${domain}`).join(", ")}`];
}

export function describeBuild(build: BuildRecord, uses: ImageUses): string {
  const { base } = build;
  const older = uses.runs.length - SHOWN_RUNS;
  const lines = [
    `image       ${build.target}`,
    `reference   ${build.reference}`,
    ...(pinKind(build.reference) === "digest" ? [`digest      ${build.digest}`] : []),
    `image id    ${build.imageId}`,
    `base        ${base.reference} (${base.source === "engine" ? "image ID" : "digest"} ${base.digest}, from the ${base.source})`,
    `size        ${formatBytes(build.sizeBytes)}`,
    `built       ${formatTime(build.createdAt)} in ${formatDuration(build.durationMs)}, ${build.pushed ? "pushed" : "kept in the engine"}`,
    ...ownersOf(build),
    ...uses.deployments.map(
      (task) => `deployed    ${task.project}/${task.domain}/${task.name} ${task.version}`,
    ),
    ...(older > 0 ? [`runs        ${older} older ones and`] : []),
    ...uses.runs
      .slice(-SHOWN_RUNS)
      .map(
        ({ key, live }) => `run         ${key.project}/${key.domain}/${key.run}${live ? " (running)" : ""}`,
      ),
    "",
    "layers, the base's first:",
    ...build.layers.toReversed().map(describeLayer),
    "",
    build.containerfile.trimEnd(),
    "",
  ];
  return lines.join("\n");
}

function describeLayer({ sizeBytes, createdBy }: ImageLayer): string {
  const text = instructionOf(createdBy);
  const shown = text.length > SHOWN_COLUMNS ? `${text.slice(0, SHOWN_COLUMNS - 1)}…` : text;
  return `${formatBytes(sizeBytes).padStart(10)}  ${shown}`;
}

/** Engines record a shell call, with the build's arguments and mounts before it, or a suffix of their own. */
export function instructionOf(createdBy: string): string {
  const text = createdBy
    .replaceAll(/\s+/gu, " ")
    .replace(/ # buildkit$/u, "")
    .trim();
  const nothingRun = /^(?:\|\d+ .*?)?\/bin\/sh -c #\(nop\) +(.*)$/u.exec(text);
  if (nothingRun?.[1] !== undefined) return nothingRun[1];
  return text.replace(/^(?:RUN )?(?:\|\d+ .*?)?\/bin\/sh -c (?:--mount=\S+ )*/u, "RUN ");
}

export function formatBytes(bytes: number): string {
  if (bytes < 1_000) return `${bytes} B`;
  if (bytes < 1_000_000) return `${Math.round(bytes / 1_000)} kB`;
  return `${Math.round(bytes / 1_000_000)} MB`;
}

export function formatTable(rows: readonly (readonly string[])[]): string {
  const widths = rows[0]?.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0))) ?? [];
  const lines = rows.map((row) => row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join("  "));
  return `${lines.map((line) => line.trimEnd()).join("\n")}\n`;
}
