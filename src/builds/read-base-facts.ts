/** Reads from a container of a base image the numeric ids of its USER, and which Python is first on its PATH. */
import { BoxkiteError } from "../domain/errors.ts";
import { refuseReachingTriggers } from "./base-triggers.ts";
import type { BaseImageFacts, NumericOwner } from "./base-facts.ts";
import type { ImageBuilder } from "./builder.ts";
import type { EngineImage } from "../containers/types.ts";

/** Writes sections of plain text with echo and cat, because the image may have no other tools. */
const SCRIPT = `
python="$(command -v python || command -v python3)"
echo "python=$python"
[ -z "$python" ] || "$python" -c 'import platform; print("version=" + platform.python_version())'
if command -v apt-get >/dev/null; then echo apt=yes; else echo apt=no; fi
echo "[passwd]"; cat /etc/passwd 2>/dev/null
echo "[group]"; cat /etc/group 2>/dev/null
true
`;

export async function readBaseFacts(
  builder: ImageBuilder,
  reference: string,
  from: string,
  image: EngineImage,
): Promise<BaseImageFacts> {
  refuseReachingTriggers(reference, await builder.history(image.id));
  const answer = await builder.runScript(image.id, SCRIPT);
  const { facts, passwd, group } =
    answer === undefined ? await readFiles(builder, image) : parseAnswer(answer);
  return {
    reference,
    from,
    architecture: image.architecture,
    user: image.user,
    owner: resolveOwner(image.user, passwd, group, reference),
    workdir: image.workdir,
    env: image.env,
    ...facts,
  };
}

type Inside = {
  readonly facts: Pick<BaseImageFacts, "python" | "apt">;
  readonly passwd: string;
  readonly group: string;
};

/** For an image without a shell: reads its files through the engine. */
async function readFiles(builder: ImageBuilder, image: EngineImage): Promise<Inside> {
  const read = async (path: string) => (await builder.readFile(image.id, path)) ?? "";
  const named = image.user !== "";
  return {
    facts: { python: "unknown", apt: undefined },
    passwd: named ? await read("/etc/passwd") : "",
    group: named ? await read("/etc/group") : "",
  };
}

function parseAnswer(answer: string): Inside {
  const [head = "", rest = ""] = answer.split(/^\[passwd\]\n/m);
  const [passwd = "", group = ""] = rest.split(/^\[group\]\n/m);
  const value = (name: string) => new RegExp(`^${name}=(.*)$`, "m").exec(head)?.[1] ?? "";
  const path = value("python");
  return {
    facts: {
      python: path === "" ? "none" : { path, version: value("version") },
      apt: value("apt") === "yes",
    },
    passwd,
    group,
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
