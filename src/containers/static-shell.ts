/**
 * A shell for images that have none: a static busybox, of this machine or out of its own image. It is put into the one
 * container, never into the image.
 */
import { randomBytes } from "node:crypto";
import { readFile } from "node:fs/promises";
import { buffer } from "node:stream/consumers";
import { BoxkiteError, messageOf } from "../domain/errors.ts";
import type { EngineApi } from "./api.ts";
import { fileOfArchive } from "./file-of-archive.ts";
import { rootArchive } from "./root-archive.ts";

/** Where it is in the container. */
export const STATIC_SHELL_DIRECTORY = "/run/boxkite";
const BUSYBOX = `${STATIC_SHELL_DIRECTORY}/busybox`;
const APPLETS = `${STATIC_SHELL_DIRECTORY}/bin`;

const IMAGE = "docker.io/library/busybox:musl";
const OWN_FILES = ["/bin/busybox", "/usr/bin/busybox"];
/** Most images have one of these; the better one to work with comes first. */
const SHELLS = ["/bin/bash", "/usr/bin/bash", "/usr/local/bin/bash", "/bin/sh", "/usr/bin/sh", "/busybox/sh"];

/** Its programs, such as ls, are found after those of the image. */
const START = `${BUSYBOX} --install -s ${APPLETS} 2>/dev/null; PATH="$PATH:${APPLETS}" exec ${BUSYBOX} sh "$@"`;

export interface ContainerShell {
  /** To be executed; what follows are arguments of the shell. */
  readonly command: readonly string[];
  /** Of a shell that is brought in: where it comes from, for people, and the tar to be unpacked into the root directory. */
  readonly brought?: { readonly from: string; readonly archive: Buffer };
}

export interface StaticShellOptions {
  /** Files of this machine that may be a static busybox. @default /bin/busybox and /usr/bin/busybox */
  readonly files?: readonly string[];
}

/**
 * The shell of a container, which need not be running. One to be brought in where it has none: throws IMAGE_NOT_FOUND where
 * there is none to bring, and ENGINE_*.
 */
export async function shellOf(
  api: EngineApi,
  id: string,
  options: StaticShellOptions = {},
): Promise<ContainerShell> {
  for (const path of SHELLS) if (await api.hasPath(id, path)) return { command: [path] };
  const { content, from } = (await ofThisMachine(api, options)) ?? (await ofImage(api));
  const archive = await rootArchive({
    programs: { [BUSYBOX]: content },
    openDirectories: [APPLETS.slice(1)],
  });
  return { command: [BUSYBOX, "sh", "-c", START, "sh"], brought: { from, archive } };
}

interface Busybox {
  readonly content: Buffer;
  readonly from: string;
}

async function ofThisMachine(
  api: EngineApi,
  { files = OWN_FILES }: StaticShellOptions,
): Promise<Busybox | undefined> {
  if (!api.onThisMachine) return undefined;
  for (const from of files) {
    const content = await readFile(from).catch(() => undefined);
    if (content !== undefined && isStaticProgram(content)) return { content, from };
  }
  return undefined;
}

async function ofImage(api: EngineApi): Promise<Busybox> {
  if ((await api.inspectImage(IMAGE)) === undefined)
    await api.pullImage(IMAGE).catch((error: unknown) => {
      throw missing(`${IMAGE} cannot be pulled: ${messageOf(error)}`);
    });
  const created = await api.createContainer(`boxkite-busybox-${randomBytes(6).toString("hex")}`, {
    Image: IMAGE,
    Cmd: ["true"],
  });
  if (created.kind !== "created") throw missing(`${IMAGE} is gone`);
  try {
    const archive = await api.getArchive(created.id, "/bin/busybox");
    const content = archive && (await fileOfArchive(await buffer(archive)));
    if (content !== undefined && isStaticProgram(content)) return { content, from: IMAGE };
    throw missing(`${IMAGE} has no static /bin/busybox`);
  } finally {
    await api.removeContainer(created.id);
  }
}

function missing(why: string): BoxkiteError {
  return new BoxkiteError(
    "IMAGE_NOT_FOUND",
    `the image has no shell, and there is none to bring in: ${why}`,
    {
      hint: "install a static one on this machine: apt install busybox-static; or run a program of the image: boxkite shell RUN/ACTION -- COMMAND",
    },
  );
}

const ELF = Buffer.from("\x7fELF", "latin1");
/** Of a program header that names the dynamic loader (elf(5)). */
const PT_INTERP = 3;

/** Whether it is a program for Linux of 64 bits that needs no loader of the image. */
export function isStaticProgram(content: Buffer): boolean {
  const isElf64 = content.length >= 64 && content.subarray(0, 4).equals(ELF) && content[4] === 2;
  // Little-endian, as every architecture that images are made for.
  if (!isElf64 || content[5] !== 1) return false;
  const offset = Number(content.readBigUInt64LE(32));
  const [size, count] = [content.readUInt16LE(54), content.readUInt16LE(56)];
  if (size === 0 || offset + size * count > content.length) return false;
  return !Array.from({ length: count }, (_, index) => content.readUInt32LE(offset + index * size)).includes(
    PT_INTERP,
  );
}
