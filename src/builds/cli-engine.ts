/**
 * What the command lines of Podman and Docker have in common, which is nearly everything.
 */
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { BoxkiteError, type ErrorCode } from "../domain/errors.ts";
import type { Registries } from "../images/registry/registries.ts";
import type { EngineImage, TransferOptions } from "./builder.ts";
import { parseImageReference } from "../images/reference.ts";
import { type CommandResult, runCommand } from "../containers/command.ts";
import { authorityHint, plainHttpHint } from "../containers/registry-access.ts";

export interface CliEngine {
  readonly name: "podman" | "docker";
  readonly program: string;
  /** Put before every command, such as `--root`. */
  readonly globalArgs: readonly string[];
  readonly env: NodeJS.ProcessEnv;
}

export interface OrchestratorOptions {
  readonly program?: string;
  readonly globalArgs?: readonly string[];
  readonly env?: NodeJS.ProcessEnv;
  /** A file of certificate authorities that the steps of a build trust as well. */
  readonly certificates?: string | undefined;
  /** HTTP_PROXY and its kin, for the steps of a build. */
  readonly proxy?: Readonly<Record<string, string>>;
  readonly registries?: Registries;
}

const PROXY_NAMES = ["HTTP_PROXY", "HTTPS_PROXY", "FTP_PROXY", "NO_PROXY", "ALL_PROXY"];

/** The certificate authorities that this machine is told to trust, where that is anything but the usual. */
export function hostCertificates(env: NodeJS.ProcessEnv = process.env): string | undefined {
  return (
    env["SSL_CERT_FILE"] ||
    env["REQUESTS_CA_BUNDLE"] ||
    env["CURL_CA_BUNDLE"] ||
    env["NODE_EXTRA_CA_CERTS"] ||
    undefined
  );
}

export function hostProxy(env: NodeJS.ProcessEnv = process.env): Record<string, string> {
  const names = PROXY_NAMES.flatMap((name) => [name, name.toLowerCase()]);
  return Object.fromEntries(names.flatMap((name) => (env[name] ? [[name, env[name]]] : [])));
}

/** The environment of a build: the proxies are those of the setting, whatever the server's own are. */
export function buildEnv(engine: CliEngine, proxy: Readonly<Record<string, string>>): NodeJS.ProcessEnv {
  const own = Object.entries(engine.env).filter(([name]) => !PROXY_NAMES.includes(name.toUpperCase()));
  return { ...Object.fromEntries(own), ...proxy };
}

export async function engineCommand(
  engine: CliEngine,
  args: readonly string[],
  options: Partial<TransferOptions> = {},
): Promise<CommandResult> {
  return await runCommand(engine.program, [...engine.globalArgs, ...args], {
    env: engine.env,
    signal: options.signal,
    onLine: options.onLog,
  });
}

/** Runs a command that has no business failing. */
export async function mustRun(
  engine: CliEngine,
  args: readonly string[],
  options: Partial<TransferOptions> = {},
): Promise<string> {
  const result = await engineCommand(engine, args, options);
  if (result.exitCode === 0) return result.stdout;
  throw new BoxkiteError(
    "ENGINE_FAILED",
    `${engine.program} ${args[0]} failed: ${lastLines(result.stderr, 3)}`,
  );
}

export async function inspectImage(engine: CliEngine, reference: string): Promise<EngineImage | undefined> {
  const result = await engineCommand(engine, ["image", "inspect", reference]);
  if (result.exitCode !== 0) {
    if (isAbsent(result.stderr)) return undefined;
    throw engineFailure(engine, "image inspect", result);
  }
  const [image] = JSON.parse(result.stdout) as [RawImage];
  return {
    id: withAlgorithm(image.Id),
    digests: image.RepoDigests ?? [],
    names: image.RepoTags ?? [],
    architecture: image.Architecture,
    sizeBytes: image.Size,
    user: image.Config?.User ?? "",
    workdir: image.Config?.WorkingDir ?? "",
    env: Object.fromEntries((image.Config?.Env ?? []).map(splitVariable)),
  };
}

interface RawImage {
  readonly Id: string;
  readonly RepoDigests?: string[] | null;
  readonly RepoTags?: string[] | null;
  readonly Architecture: string;
  readonly Size: number;
  readonly Config?: { readonly User?: string; readonly WorkingDir?: string; readonly Env?: string[] | null };
}

export async function removeImage(engine: CliEngine, reference: string): Promise<void> {
  const result = await engineCommand(engine, ["image", "rm", reference]);
  if (result.exitCode !== 0 && !isAbsent(result.stderr)) throw engineFailure(engine, "image rm", result);
}

export async function runScriptIn(
  engine: CliEngine,
  imageId: string,
  script: string,
): Promise<string | undefined> {
  const result = await engineCommand(engine, [
    "run",
    "--rm",
    "--pull=never",
    "--network=none",
    "--user=0:0",
    "--entrypoint=/bin/sh",
    imageId,
    "-c",
    script,
  ]);
  return result.exitCode === 0 ? result.stdout : undefined;
}

export async function readFileOf(
  engine: CliEngine,
  imageId: string,
  path: string,
): Promise<string | undefined> {
  // A container needs a command to be created; this one is never started.
  const container = (await mustRun(engine, ["create", "--pull=never", imageId, "boxkite"])).trim();
  const folder = await mkdtemp(join(tmpdir(), "boxkite-file-"));
  try {
    const result = await engineCommand(engine, ["cp", `${container}:${path}`, join(folder, "file")]);
    return result.exitCode === 0 ? await readFile(join(folder, "file"), "utf8") : undefined;
  } finally {
    await engineCommand(engine, ["rm", container]);
    await rm(folder, { recursive: true, force: true });
  }
}

/** Turns what an engine said about a pull or a push into whose fault it is. Engines say it only in words. */
export function transferFailure(
  engine: CliEngine,
  verb: "pull" | "push",
  reference: string,
  result: CommandResult,
): BoxkiteError {
  const said = result.stderr.trim() || result.stdout.trim();
  const [code, hint] = TRANSFER_FAILURES.find(([pattern]) => pattern.test(said))?.[1] ?? ["ENGINE_FAILED"];
  return new BoxkiteError(code, `cannot ${verb} ${reference}: ${lastLines(said, 2)}`, {
    hint: hint?.(engine, parseImageReference(reference).host),
  });
}

type TransferHint = (engine: CliEngine, host: string) => string;

const TRANSFER_FAILURES: readonly [RegExp, readonly [ErrorCode, TransferHint]][] = [
  [
    /unauthorized|authentication required|access denied|denied:|no basic auth|forbidden/i,
    [
      "IMAGE_UNAUTHORIZED",
      ({ program }, host) =>
        `Log in on the server's machine: ${program} login ${host}; or put credentials under registries: in the settings file.`,
    ],
  ],
  [
    /no image found in (image index|manifest list)|no matching manifest/i,
    ["IMAGE_WRONG_PLATFORM", () => "Publish the image for this machine's architecture too."],
  ],
  [
    /manifest unknown|name unknown|not found|does not exist/i,
    ["IMAGE_NOT_FOUND", ({ program }) => `Check the name and the tag; ${program} pull shows the same.`],
  ],
  [
    /server gave HTTP response to HTTPS client/i,
    [
      "REGISTRY_UNREACHABLE",
      ({ name }, host) => `The registry speaks plain HTTP: ${plainHttpHint(name, host)}.`,
    ],
  ],
  [
    /x509|certificate/i,
    [
      "REGISTRY_UNREACHABLE",
      ({ name }, host) => `The registry's certificate is not trusted: ${authorityHint(name, host)}.`,
    ],
  ],
  [
    /connection refused|no such host|timeout|timed out|dial tcp|unreachable|EOF|reset by peer|pinging container registry/i,
    ["REGISTRY_UNREACHABLE", () => "Check that the registry runs and that the machine can reach it."],
  ],
];

function engineFailure(engine: CliEngine, what: string, result: CommandResult): BoxkiteError {
  const unreachable = /cannot connect|connection refused|no such file or directory.*sock/i.test(
    result.stderr,
  );
  return new BoxkiteError(
    unreachable ? "ENGINE_UNREACHABLE" : "ENGINE_FAILED",
    `${engine.program} ${what} failed: ${lastLines(result.stderr, 3)}`,
    unreachable ? { hint: `Start the engine; this must work: ${engine.program} info` } : {},
  );
}

function isAbsent(stderr: string): boolean {
  return /no such image|image not known|not found|no such object|failed to find image/i.test(stderr);
}

function splitVariable(pair: string): [string, string] {
  const at = pair.indexOf("=");
  return at === -1 ? [pair, ""] : [pair.slice(0, at), pair.slice(at + 1)];
}

function withAlgorithm(id: string): string {
  return id.includes(":") ? id : `sha256:${id}`;
}

export function lastLines(text: string, count: number): string {
  return text.trim().split("\n").slice(-count).join("\n");
}
