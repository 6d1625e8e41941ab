/**
 * Finds out what is in an image by containers of it. The first has the image's own ENTRYPOINT, which so proves that it
 * executes its arguments; only where it does not, a second one replaces it. In an image without a shell, interpreters
 * are searched by the engine and started by their full paths.
 */
import { posix } from "node:path";
import { startFailure } from "./start-failure.ts";
import {
  runProbe,
  withProbeContainer,
  type ProbeContainer,
  type ProbeContext,
  type ProbeRun,
} from "./image-probe-container.ts";
import type {
  ContainerFacts,
  ImageConfigFacts,
  PythonFacts,
  StartFailureFacts,
} from "../../domain/image-facts.ts";
import { plainFolders } from "../../images/check/interpreter-folders.ts";
import { hasBegun, isScript, mayExecuteArguments, parseProbe } from "../../images/check/parse-probe.ts";
import type { ProbeFrame } from "../../images/check/probe-frames.ts";
import { nodeProbe, pythonProbe, shellProbe } from "../../images/check/probe-script.ts";

export interface ProbedImage {
  /** As the user wrote it. */
  readonly reference: string;
  /** By digest or id; the engine has it. */
  readonly pinned: string;
  readonly config: ImageConfigFacts;
}

/** Containers are slow: more interpreters are not started where each needs one. */
const MAX_PLAIN_INTERPRETERS = 3;
const PLAIN_PYTHONS = [
  "python",
  "python3",
  "python3.14",
  "python3.13",
  "python3.12",
  "python3.11",
  "python3.10",
];
const MISSING_PROGRAM: readonly string[] = ["ENTRYPOINT_NOT_FOUND", "ENTRYPOINT_NOT_EXECUTABLE"];

/** Throws ENGINE_* and IMAGE_NOT_FOUND. What is wrong with the image itself is a fact. */
export async function probeImage(context: ProbeContext, image: ProbedImage): Promise<ContainerFacts> {
  const { pinned, config } = image;
  const run = (container: Omit<ProbeContainer, "image">) =>
    runProbe(context, { image: pinned, ...container });
  const own = await run({ args: (nonce) => ["sh", ...shellProbe(nonce, config.entrypoint)] });
  if (begun(own)) return factsOf(own.frames, { shell: true, entrypoint: passing(config) });
  const failure = failureOf(context, image, own);
  if (failure !== undefined) return notStarted(failure);
  const replaced = await run({
    entrypoint: ["/bin/sh"],
    args: (nonce) => shellProbe(nonce, config.entrypoint),
  });
  if (begun(replaced)) return factsOf(replaced.frames, { shell: true, ...swallowing(config, own, replaced) });
  return await probeWithoutShell(context, image);
}

async function probeWithoutShell(context: ProbeContext, image: ProbedImage): Promise<ContainerFacts> {
  const found = await findInterpreters(context, image);
  let facts: ContainerFacts | undefined;
  const broken: PythonFacts[] = [];
  for (const interpreter of found.interpreters) {
    const isFirst = facts === undefined;
    const next = await probeInterpreter(context, image, interpreter, isFirst);
    if (next === undefined && !interpreter.isNode)
      broken.push({ path: interpreter.path, hasA0: false, packages: {} });
    facts = facts === undefined || next === undefined ? (facts ?? next) : mergeFacts(facts, next);
  }
  // Where nothing was started, nothing is known of an ENTRYPOINT that may start what was not found.
  const entrypoint = image.config.entrypoint.length === 0 ? "none" : "unknown";
  const rest = factsOf([{ key: "end", value: "" }], { shell: false, entrypoint });
  const all = facts ?? rest;
  return {
    ...all,
    pythons: [...all.pythons, ...broken],
    programs: { ...found.programs, ...all.programs },
  };
}

/** Undefined for one that does not run. `triesEntrypoint`: whether the image's own is tried before it is replaced. */
async function probeInterpreter(
  context: ProbeContext,
  { pinned, config }: ProbedImage,
  { path, isNode, a0ts }: Interpreter,
  triesEntrypoint: boolean,
): Promise<ContainerFacts | undefined> {
  const args = (nonce: string) => (isNode ? nodeProbe(nonce, a0ts) : pythonProbe(nonce, path));
  let own: ProbeRun | undefined;
  if (triesEntrypoint && config.entrypoint.length > 0) {
    own = await runProbe(context, { image: pinned, args: (nonce) => [path, ...args(nonce)] });
    if (begun(own)) return factsOf(own.frames, { shell: false, entrypoint: "passes" });
  }
  const replaced = await runProbe(context, { image: pinned, entrypoint: [path], args });
  if (!begun(replaced)) return undefined;
  const seen = own === undefined ? { entrypoint: passing(config) } : swallowing(config, own, replaced);
  return factsOf(replaced.frames, { shell: false, ...seen });
}

/** What a further interpreter adds. */
function mergeFacts(facts: ContainerFacts, { pythons, node }: ContainerFacts): ContainerFacts {
  return { ...facts, pythons: [...facts.pythons, ...pythons], ...(node !== undefined && { node }) };
}

interface Interpreter {
  readonly path: string;
  readonly isNode: boolean;
  /** The path of a0-ts, or nothing. */
  readonly a0ts: string;
}

interface Plain {
  readonly interpreters: readonly Interpreter[];
  readonly programs: Readonly<Record<string, string>>;
}

/** By the engine, in a container that is never started. */
async function findInterpreters(context: ProbeContext, image: ProbedImage): Promise<Plain> {
  const { env } = image.config;
  const folders = plainFolders(env["PATH"] ?? "", env);
  return await withProbeContainer(context, { image: image.pinned, args: ["boxkite"] }, async (id) => {
    const exists = (path: string) => context.api.hasPath(id, path);
    const interpreters: { path: string; isNode: boolean }[] = [];
    const programs: Record<string, string> = {};
    for (const folder of folders) {
      if (!(await exists(folder))) continue;
      for (const name of ["a0", "a0-ts", "tar"]) {
        const path = posix.join(folder, name);
        if (programs[name] === undefined && (await exists(path))) programs[name] = path;
      }
      for (const name of [...PLAIN_PYTHONS, "node"]) {
        if (interpreters.length >= MAX_PLAIN_INTERPRETERS) break;
        const path = posix.join(folder, name);
        if (!(await exists(path))) continue;
        interpreters.push({ path, isNode: name === "node" });
        break;
      }
    }
    const a0ts = programs["a0-ts"] ?? "";
    return { interpreters: interpreters.map((each) => ({ ...each, a0ts })), programs };
  });
}

function begun(run: ProbeRun): run is ProbeRun & { readonly kind: "ran" } {
  return run.kind === "ran" && hasBegun(run.frames);
}

function passing({ entrypoint }: ImageConfigFacts): "none" | "passes" {
  return entrypoint.length === 0 ? "none" : "passes";
}

/**
 * A script that would pass them on, or a program of which nobody can tell, may only have failed for want of what it could not
 * reach, such as secrets. One that ended well or went on without them, or an interpreter, passes nothing on.
 */
function swallowing(
  config: ImageConfigFacts,
  own: ProbeRun,
  replaced: ProbeRun & { readonly kind: "ran" },
): Pick<ContainerFacts, "entrypoint" | "entrypointOutput"> {
  if (config.entrypoint.length === 0) return { entrypoint: "none" };
  const text = own.kind === "ran" ? own.lastLine : own.error.reason;
  const mayPass =
    mayExecuteArguments(replaced.frames) ||
    (own.kind === "ran" && (own.exitCode ?? 0) !== 0 && isOpaque(config, replaced.frames));
  const isUnknown = own.kind === "ran" && mayPass;
  return {
    entrypoint: isUnknown ? "unknown" : "swallows",
    ...(text !== "" && { entrypointOutput: text.slice(0, 200) }),
  };
}

/** It takes its arguments for a script and its arguments. */
const INTERPRETER =
  /^(?:python|node|nodejs|deno|bun|java|ruby|perl|php|Rscript|julia|sh|bash|dash|ash|zsh)[\d.]*$/u;

/** Whether the ENTRYPOINT is neither a script, which was read, nor an interpreter. */
function isOpaque({ entrypoint: [program = ""] }: ImageConfigFacts, frames: readonly ProbeFrame[]): boolean {
  return !INTERPRETER.test(posix.basename(program)) && !isScript(frames);
}

/** Of a container that could not be started for another reason than a missing program. */
function failureOf(
  { api }: ProbeContext,
  { reference, pinned }: ProbedImage,
  run: ProbeRun,
): StartFailureFacts | undefined {
  if (run.kind === "ran") return undefined;
  const { error, notedExitCode } = run;
  const image = { reference, pinned, digest: pinned, source: "engine" } as const;
  const spec = { image, command: [], args: ["sh"], env: {} };
  const exit = startFailure(error, { engine: api.engine, spec, notedExitCode, foreignPlatform: undefined });
  if (exit.reason === "lost") throw error;
  const { code = "", message = error.message, hint } = exit;
  if (MISSING_PROGRAM.includes(code)) return undefined;
  return { code, message, ...(hint !== undefined && { hint }) };
}

function notStarted(failure: StartFailureFacts): ContainerFacts {
  return {
    ...factsOf([], { shell: false, entrypoint: "unknown" }),
    startFailure: failure,
  };
}

function factsOf(
  frames: readonly ProbeFrame[],
  started: Pick<ContainerFacts, "shell" | "entrypoint" | "entrypointOutput">,
): ContainerFacts {
  return { ...parseProbe(frames), ...started };
}
