/**
 * ONBUILD instructions of a base run in every build on it. Whoever made the base wrote them, and by their flags they reach
 * what a specification cannot name: other images of the engine, caches, secrets of the build, the machine's network.
 */
import { BoxkiteError } from "../domain/errors.ts";
import type { ImageLayer } from "../domain/build-record.ts";

/** As both engines write them into the history of an image; Podman shows them nowhere else. */
const TRIGGER = /^(?:\/bin\/sh -c )?(?:#\(nop\)\s+)?ONBUILD\s+(.*)$/s;
const REACHING = /--(mount|from|network|security)\b|[\r\n]/;

/** Throws IMAGE_BUILD_FAILED. Triggers without such flags run, as in any build. */
export function refuseReachingTriggers(reference: string, history: readonly ImageLayer[]): void {
  for (const { createdBy } of history) {
    const [, trigger = ""] = TRIGGER.exec(createdBy) ?? [];
    if (!REACHING.test(trigger)) continue;
    throw new BoxkiteError(
      "IMAGE_BUILD_FAILED",
      `base image ${reference} has an ONBUILD instruction with a flag that is not allowed: ${trigger.slice(0, 200)}`,
      {
        hint: "Build on an image without it: --mount, --from, --network and --security are refused in ONBUILD.",
      },
    );
  }
}
