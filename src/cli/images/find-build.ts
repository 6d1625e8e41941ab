/** Which build a name on the command line means. */
import { BoxkiteError } from "../../domain/errors.ts";
import type { BuildRecord } from "../../domain/build-record.ts";

/** As many digits of a digest as `images ls` prints, at least. */
const SHORT_DIGEST = /^sha256:[0-9a-f]{12,}$/u;
const MAX_SHOWN = 10;

/**
 * By its name as `images ls` prints it, in full, without registry, or without tag; or by its digest, in full or the first
 * digits. Without a tag, `latest` is meant where it exists. Throws IMAGE_NOT_FOUND, which names the tags that exist.
 */
export function findBuild(builds: readonly BuildRecord[], name: string | undefined): BuildRecord {
  if (name === undefined || name === "") {
    throw new BoxkiteError("CONFIG_INVALID", "name the image", { hint: "boxkite images ls lists them" });
  }
  const exact = builds.find((build) => namesOf(build).includes(name));
  if (exact !== undefined) return exact;
  const found = builds.filter(
    (build) => isDigestOf(build, name) || namesOf(build).map(withoutTag).includes(name),
  );
  const [only, ...others] = found;
  if (only !== undefined && others.length === 0) return only;
  const latest = found.find((build) => build.target.endsWith(":latest"));
  if (latest !== undefined) return latest;
  if (only === undefined) {
    throw new BoxkiteError("IMAGE_NOT_FOUND", `no build is called ${JSON.stringify(name)}`, {
      hint: "boxkite images ls lists them",
    });
  }
  const rest = found.length - MAX_SHOWN;
  const shown = found.slice(0, MAX_SHOWN).map(({ target }) => target);
  throw new BoxkiteError(
    "IMAGE_NOT_FOUND",
    `${found.length} builds are called ${JSON.stringify(name)}, and none has the tag latest: ` +
      `${shown.join(", ")}${rest > 0 ? ` and ${rest} more` : ""}`,
    { hint: `boxkite images inspect ${only.target}` },
  );
}

function namesOf({ target, reference, name, digest }: BuildRecord): string[] {
  return [target, target.slice(target.indexOf("/") + 1), reference, name, digest];
}

function withoutTag(name: string): string {
  return name.replace(/:[^/:@]+$/u, "");
}

function isDigestOf({ digest, imageId }: BuildRecord, text: string): boolean {
  if (!SHORT_DIGEST.test(text)) return false;
  return digest.startsWith(text) || imageId.startsWith(text);
}
