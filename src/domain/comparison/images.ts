/** What differs between the images of two runs. */
import { pinOf } from "../image.ts";
import type { ImageContents, ImageEntry, RunDocument } from "../run-document.ts";
import { changesOf, type Change, type Values } from "./changes.ts";

export interface ImageComparison {
  /** As the user wrote it; undefined where one of the two runs has no such image. */
  readonly before?: string;
  readonly after?: string;
  /** Reference, digest, base, platform, operating system, Python, Node. */
  readonly changes: readonly Change[];
  /** Undefined where the contents of one of them are not known. */
  readonly layers?: LayerComparison;
  readonly packages?: readonly Change[];
  /** Packages of either image beyond the bound of a document, which are not compared. */
  readonly omittedPackages: number;
  /** Images that nobody has read, so that their contents are not compared: `boxkite images check` reads them. */
  readonly unread: readonly string[];
}

export interface LayerComparison {
  readonly same: number;
  readonly removed: readonly string[];
  readonly added: readonly string[];
  readonly addedBytes: number;
}

/** Those that differ. */
export function compareImages(before: RunDocument, after: RunDocument): ImageComparison[] {
  return pairsOf(before, after).flatMap(([old, now]) => {
    if (old !== undefined && now !== undefined && isSame(old, now)) return [];
    return [compare(old, now)];
  });
}

function isSame(a: ImageEntry, b: ImageEntry): boolean {
  return a.reference === b.reference && a.digest === b.digest;
}

type Pair = readonly [before: ImageEntry | undefined, after: ImageEntry | undefined];
type Rule = (before: ImageEntry, after: ImageEntry) => boolean;

/** Of the same reference; the images of the two actions themselves; of the same repository. Then those without a partner. */
function pairsOf(before: RunDocument, after: RunDocument): Pair[] {
  const [left, right] = [new Set(before.images), new Set(after.images)];
  const pairs: Pair[] = [];
  const rules: readonly Rule[] = [
    (a, b) => a.reference === b.reference,
    (a, b) => a.reference === before.action.task?.image && b.reference === after.action.task?.image,
    (a, b) => repositoryOf(a.reference) === repositoryOf(b.reference),
  ];
  for (const rule of rules)
    for (const old of left) {
      const now = right.values().find((each) => rule(old, each));
      if (now === undefined) continue;
      pairs.push([old, now]);
      left.delete(old);
      right.delete(now);
    }
  return [
    ...pairs,
    ...left.values().map((old): Pair => [old, undefined]),
    ...right.values().map((now): Pair => [undefined, now]),
  ];
}

/** Without tag and digest. */
function repositoryOf(reference: string): string {
  return reference.replace(/@.*$/u, "").replace(/:[^:/]*$/u, "");
}

function compare(before: ImageEntry | undefined, after: ImageEntry | undefined): ImageComparison {
  const [old, now] = [before?.contents, after?.contents];
  const unread = [before, after].flatMap((image) =>
    image !== undefined && pinOf(image) !== undefined && image.contents === undefined ? [image.pinned] : [],
  );
  return {
    ...(before && { before: before.reference }),
    ...(after && { after: after.reference }),
    changes: [
      ...changesOf(namesOf(before), namesOf(after)),
      ...(old && now ? changesOf(contentsOf(old), contentsOf(now)) : []),
    ],
    ...(old && now && { layers: compareLayers(old, now), packages: comparePackages(old, now) }),
    omittedPackages: (old?.python?.omittedPackages ?? 0) + (now?.python?.omittedPackages ?? 0),
    unread,
  };
}

function namesOf(image: ImageEntry | undefined): Values {
  const pin = image && pinOf(image);
  return { reference: image?.reference, ...(pin && { [pin.kind]: pin.value }) };
}

function contentsOf({ base, platform, os, python, node }: ImageContents): Values {
  return {
    base: base && `${base.name} ${base.digest}`,
    platform,
    "operating system": os,
    python: python?.version,
    "python path": python?.path,
    libc: python?.libc,
    node: node?.version,
    boxkite: node?.boxkite,
  };
}

function compareLayers(before: ImageContents, after: ImageContents): LayerComparison {
  const old = new Set(before.layers.map(({ digest }) => digest));
  const now = new Set(after.layers.map(({ digest }) => digest));
  const added = after.layers.filter(({ digest }) => !old.has(digest));
  return {
    same: after.layers.length - added.length,
    removed: before.layers.flatMap(({ digest }) => (now.has(digest) ? [] : [digest])),
    added: added.map(({ digest }) => digest),
    addedBytes: added.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0),
  };
}

function comparePackages(before: ImageContents, after: ImageContents): Change[] {
  return changesOf(before.python?.packages ?? {}, after.python?.packages ?? {});
}
