/** From the lines of a probe to facts. What a container writes is not trusted: unknown keys and surplus entries are dropped. */
import type { ContainerFacts, Folder, NodeFacts, PythonFacts } from "../../domain/image-facts.ts";
import type { ProbeFrame } from "./probe-frames.ts";

/** What a probe finds out by itself; the rest is about how its container was started. */
export type ProbeFacts = Omit<ContainerFacts, "shell" | "entrypoint" | "entrypointOutput" | "startFailure">;

const MAX_PYTHONS = 64;
const MAX_PACKAGES = 2_000;
const MAX_PROGRAMS = 32;
const MAX_CUDA = 8;

/** Whether the probe began at all: its container executed the program that it was given. */
export function hasBegun(frames: readonly ProbeFrame[]): boolean {
  return frames.some(({ key }) => key === "begin");
}

/** Whether a script of the ENTRYPOINT has a line that may execute its arguments, such as `exec "$@"`. */
export function mayExecuteArguments(frames: readonly ProbeFrame[]): boolean {
  return frames.some(({ key }) => key === "forwards");
}

/** Whether the ENTRYPOINT has a script, whose lines were read. */
export function isScript(frames: readonly ProbeFrame[]): boolean {
  return frames.some(({ key }) => key === "script");
}

export function parseProbe(frames: readonly ProbeFrame[]): ProbeFacts {
  const all = (name: string) => frames.filter(({ key }) => key === name).map(({ value }) => value);
  const first = (name: string) => all(name).find((value) => value !== "");
  const libc = all("libc");
  const env = entriesOf(all("env"), "=", MAX_PROGRAMS);
  const home = folderOf(first("home"));
  const workdir = folderOf(first("workdir"));
  const user = userOf(first("uid"), first("gid"), first("name"));
  const node = nodeOf(first("node-path"), all("node"));
  const a0Interpreter = interpreterOf(all("a0"));
  const a0Error = /^failed (.+)$/u.exec(first("a0-import") ?? "")?.[1];
  const caBundle = first("ca");
  const os = osOf(all("os"));
  return {
    complete: frames.some(({ key }) => key === "end"),
    ...(user && { user }),
    ...(home && { home }),
    ...(workdir && { workdir }),
    path: first("path") ?? "",
    env,
    programs: entriesOf(all("program"), " ", MAX_PROGRAMS),
    pythons: pythonsOf(frames),
    ...(node && { node }),
    ...(a0Interpreter !== undefined && { a0Interpreter }),
    ...(a0Error !== undefined && { a0Error }),
    ...(caBundle !== undefined && { caBundle }),
    ...(libc.length > 0 && { libc: libc.includes("musl") ? "musl" : "glibc" }),
    ...(os !== undefined && { os }),
    cuda: cudaOf(all("cuda"), env["CUDA_VERSION"]),
  };
}

/** `yes /home/app` */
function folderOf(text: string | undefined): Folder | undefined {
  const match = /^(yes|no) (.+)$/u.exec(text ?? "");
  return match?.[2] === undefined ? undefined : { path: match[2], writable: match[1] === "yes" };
}

function userOf(uid = "", gid = "", name?: string): ContainerFacts["user"] {
  const numbers = [uid, gid].map((text) => (/^\d{1,10}$/u.test(text) ? Number(text) : undefined));
  if (numbers[0] === undefined || numbers[1] === undefined) return undefined;
  // Podman adds an entry for a user that has none, with the number as its name; Docker does not.
  return { uid: numbers[0], gid: numbers[1], ...(name !== undefined && name !== uid && { name }) };
}

/** By name; the first of equal names, as a search of PATH finds it. */
function entriesOf(texts: readonly string[], separator: string, most: number): Record<string, string> {
  const entries = new Map<string, string>();
  for (const text of texts) {
    const at = text.indexOf(separator);
    if (at <= 0 || entries.size >= most) continue;
    const name = text.slice(0, at);
    if (!entries.has(name)) entries.set(name, text.slice(at + 1));
  }
  return Object.fromEntries(entries);
}

/** `python-path` begins an interpreter; what follows up to the next one is about it. */
function pythonsOf(frames: readonly ProbeFrame[]): PythonFacts[] {
  const found = new Map<string, { details: string[]; packages: string[] }>();
  let current: { details: string[]; packages: string[] } | undefined;
  for (const { key, value } of frames) {
    if (key === "python-path") {
      current = found.get(value);
      if (current !== undefined || found.size >= MAX_PYTHONS || value === "") continue;
      found.set(value, (current = { details: [], packages: [] }));
    } else if (key === "python") current?.details.push(value);
    else if (key === "packages") current?.packages.push(...value.split(" "));
  }
  return [...found].map(([path, { details, packages }]) => {
    const { version, build, libc, architecture, prefix, basePrefix, a0 } = entriesOf(details, "=", 16);
    return {
      path,
      ...(version !== undefined && { version }),
      ...(build !== undefined && { build }),
      ...(libc !== undefined && { libc }),
      ...(architecture !== undefined && { architecture }),
      ...(prefix !== undefined && { prefix }),
      ...(basePrefix !== undefined && { basePrefix }),
      hasA0: a0 === "yes",
      packages: entriesOf(packages, "=", MAX_PACKAGES),
    };
  });
}

function nodeOf(path: string | undefined, details: readonly string[]): NodeFacts | undefined {
  if (path === undefined) return undefined;
  const { version, boxkite, workers } = entriesOf(details, "=", 16);
  return {
    path,
    ...(version !== undefined && { version }),
    ...(boxkite !== undefined && { boxkite }),
    ...(workers !== undefined && /^\d+$/u.test(workers) && { workers: Number(workers) }),
  };
}

/** `#!/opt/venv/bin/python`; pip writes `'''exec' /long/path/python "$0" "$@"` below `#!/bin/sh` where the path is long. */
function interpreterOf([first = "", second = ""]: readonly string[]): string | undefined {
  const long = /^'''exec' "?([^" ]+)"? /u.exec(second)?.[1];
  return long ?? /^#! *(\S+(?: \S+)?)/u.exec(first)?.[1]?.replace(/^\S*\/env /u, "");
}

/** `ID=debian`, `VERSION_ID="12"` */
function osOf(lines: readonly string[]): string | undefined {
  const { ID: id, VERSION_ID: version } = entriesOf(lines, "=", 8);
  const text = [id, version].map((part) => part?.replaceAll('"', "")).filter(Boolean);
  return text.length === 0 ? undefined : text.join(" ");
}

function cudaOf(folders: readonly string[], stated = ""): string[] {
  const versions = [stated, ...folders].map((text) => /^\d+\.\d+/u.exec(text)?.[0]);
  return [...new Set(versions.filter((version) => version !== undefined))].slice(0, MAX_CUDA);
}
