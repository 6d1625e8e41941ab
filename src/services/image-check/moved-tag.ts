/** Whether a tag names other content than for the run before, and how much of it is other. */
import type { ImageFacts } from "../../domain/image-facts.ts";
import type { NewestPin, ResolvedImage } from "../../domain/image.ts";
import type { RunNote } from "../../domain/run-note.ts";
import { preferredPython, pythonOfA0 } from "../../images/check/interpreters.ts";

/** What was read of an image before; undefined where nothing was. */
export type KnownFacts = (image: ResolvedImage) => Promise<ImageFacts | undefined>;

const CODE = "TAG_MOVED";

/** `before`: what the newest run before this one used for the reference. */
export async function movedTag(
  image: ResolvedImage,
  before: NewestPin | undefined,
  known: KnownFacts,
): Promise<RunNote | undefined> {
  if (before === undefined || !hasMoved(before.image, image)) return undefined;
  const [earlier, present] = await Promise.all([known(before.image), known(image)]);
  const differing = earlier && present && differingPackages(earlier, present);
  return {
    image: image.reference,
    code: CODE,
    text: `changed since run ${before.run}${differing === undefined ? "" : `: ${countText(differing)}`}`,
    ...(before.image.source === "registry" && { mend: `for what that run used: ${before.image.pinned}` }),
  };
}

/** For a run that uses what an earlier one used. `named`: what the reference names now. */
export function heldTag(image: ResolvedImage, named: ResolvedImage): RunNote | undefined {
  if (!hasMoved(image, named)) return undefined;
  return {
    image: image.reference,
    code: CODE,
    text: `names other content now, and this run uses ${image.note ?? "what it named before"} (--image-policy pinned)`,
    mend: `boxkite images unpin ${image.reference}`,
  };
}

/** A digest and an ID of the engine cannot be compared: a registry may only have been out of reach. */
function hasMoved(before: ResolvedImage, now: ResolvedImage): boolean {
  return before.source === now.source && now.source !== "host" && before.digest !== now.digest;
}

/** Of the interpreter that runs tasks: added, removed, or of another version. Undefined where one has none. */
function differingPackages(earlier: ImageFacts, present: ImageFacts): number | undefined {
  const [before, now] = [earlier, present].map(
    ({ container }) => (pythonOfA0(container) ?? preferredPython(container))?.packages,
  );
  if (before === undefined || now === undefined) return undefined;
  return [...new Set([...Object.keys(before), ...Object.keys(now)])].filter(
    (name) => before[name] !== now[name],
  ).length;
}

function countText(packages: number): string {
  if (packages === 0) return "the same Python packages";
  return packages === 1 ? "1 package differs" : `${packages} packages differ`;
}
