/** Reads from a container of a base image the numeric ids of its USER, and which Python is first on its PATH. */
import { randomBytes } from "node:crypto";
import { BoxkiteError } from "../domain/errors.ts";
import { pythonOnPath } from "../images/check/interpreters.ts";
import { hasBegun, parseProbe } from "../images/check/parse-probe.ts";
import { ProbeFrames } from "../images/check/probe-frames.ts";
import { shellProbe } from "../images/check/probe-script.ts";
import { refuseReachingTriggers } from "./base-triggers.ts";
import type { BaseImageFacts, NumericOwner } from "./base-facts.ts";
import type { ImageBuilder } from "./builder.ts";
import type { EngineImage } from "../containers/types.ts";

type Inside = Pick<BaseImageFacts, "owner" | "python" | "apt">;

export async function readBaseFacts(
  builder: ImageBuilder,
  reference: string,
  from: string,
  image: EngineImage,
): Promise<BaseImageFacts> {
  refuseReachingTriggers(reference, await builder.history(image.id));
  const inside = (await probe(builder, image)) ?? (await readFiles(builder, reference, image));
  return {
    reference,
    from,
    architecture: image.architecture,
    user: image.user,
    workdir: image.workdir,
    env: image.env,
    ...inside,
  };
}

/** By the probe of `boxkite images check`; undefined for an image without a shell, or whose USER does not exist. */
async function probe(builder: ImageBuilder, image: EngineImage): Promise<Inside | undefined> {
  const nonce = `b${randomBytes(16).toString("hex")}`;
  const output = await builder.runShell(image.id, shellProbe(nonce));
  if (output === undefined) return undefined;
  const frames = new ProbeFrames(nonce);
  frames.push(Buffer.from(output));
  frames.end();
  const facts = parseProbe(frames.frames);
  if (!hasBegun(frames.frames) || facts.user === undefined) return undefined;
  const { uid, gid } = facts.user;
  const python = pythonOnPath(facts);
  return {
    owner: { uid, gid },
    python: python === undefined ? "none" : { path: python.path, version: python.version ?? "" },
    apt: facts.programs["apt-get"] !== undefined,
  };
}

/** Its files, through the engine. */
async function readFiles(builder: ImageBuilder, reference: string, image: EngineImage): Promise<Inside> {
  const read = async (path: string) => (await builder.readFile(image.id, path)) ?? "";
  const isNamed = image.user !== "";
  const passwd = isNamed ? await read("/etc/passwd") : "";
  const group = isNamed ? await read("/etc/group") : "";
  return {
    owner: resolveOwner(image.user, passwd, group, reference),
    python: "unknown",
    apt: undefined,
  };
}

/** As engines read USER: `user`, `user:group`, names or numbers; a number without an entry has group 0. */
export function resolveOwner(user: string, passwd: string, group: string, reference: string): NumericOwner {
  const [userPart = "", groupPart = ""] = user.split(":");
  if (userPart === "" || (userPart === "root" && groupPart === "")) return { uid: 0, gid: 0 };
  const entry = rows(passwd).find(([name, , uid]) => name === userPart || uid === userPart);
  const uid = numberOf(userPart) ?? numberOf(entry?.[2] ?? "");
  const gid =
    groupPart === ""
      ? (numberOf(entry?.[3] ?? "") ?? 0)
      : (numberOf(groupPart) ?? numberOf(rows(group).find(([name]) => name === groupPart)?.[2] ?? ""));
  if (uid === undefined || gid === undefined) {
    throw new BoxkiteError(
      "IMAGE_BUILD_FAILED",
      `the USER of ${reference}, ${user}, is not in its own /etc/passwd or /etc/group`,
      {
        hint: "No engine can start such an image; its Dockerfile has to create the user, or name it by number.",
      },
    );
  }
  return { uid, gid };
}

function rows(file: string): string[][] {
  return file.split("\n").map((line) => line.split(":"));
}

function numberOf(text: string): number | undefined {
  return /^\d+$/.test(text) ? Number(text) : undefined;
}
