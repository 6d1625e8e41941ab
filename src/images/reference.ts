/**
 * Image references: what users write (`python:3.11`, `registry.example.com:5000/team/app@sha256:…`)
 * and their full form, for registries and engines. The grammar is that of the distribution project; each
 * violated rule has its own message.
 */
import { BoxkiteError } from "../domain/errors.ts";

export interface ImageReference {
  /** Registry host with its port, e.g. `docker.io`, `localhost:5000`; `localhost` for podman's own names. */
  readonly host: string;
  /** Path inside the registry, e.g. `library/python`. */
  readonly repository: string;
  /** `latest` if neither a tag nor a digest was given. */
  readonly tag?: string;
  /** `sha256:` and 64 hexadecimal digits. It takes precedence over a tag. */
  readonly digest?: string;
}

const DEFAULT_HOST = "docker.io";
const COMPONENT = /^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*$/;
const TAG = /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$/;
const DIGEST = /^sha256:[0-9a-f]{64}$/;
const HOST =
  /^[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?)*(?::[0-9]{1,5})?$/;
/** A host that nobody means as the name of an image. */
const LOOPBACK = /^(?:localhost|[0-9]+(?:\.[0-9]+){3}):[0-9]+$/;

/** Throws IMAGE_REFERENCE_INVALID, which names the violated rule and what to write instead. */
export function parseImageReference(text: string): ImageReference {
  if (text.trim() === "") {
    throw invalid(
      text,
      "it is empty",
      'give the task environment an image, e.g. image="registry.example.com/team/app:1.0"',
    );
  }
  const placeholder = /[<{][^>}]*[>}]/.exec(text);
  if (placeholder !== null) {
    throw invalid(
      text,
      `it still contains the placeholder ${placeholder[0]}`,
      "replace the placeholder by the registry you push to",
    );
  }
  if (/\s/.test(text))
    throw invalid(text, "it contains white space", "remove the white space around or inside the name");
  if (/^[a-z]+:\/\//i.test(text)) {
    throw invalid(
      text,
      "an image reference has no scheme",
      `write ${JSON.stringify(text.replace(/^[a-z]+:\/\//i, ""))}`,
    );
  }

  const [beforeDigest, digest] = splitDigest(text);
  const { host, rest } = splitHost(beforeDigest, text);
  const [path, tag] = splitTag(rest, text);
  if (path !== path.toLowerCase()) throw upperCase(text, path);
  const repository = host === DEFAULT_HOST && !path.includes("/") ? `library/${path}` : path;
  checkRepository(repository, text);
  return {
    host,
    repository,
    ...(tag !== undefined && { tag }),
    ...(digest !== undefined && { digest }),
    ...(tag === undefined && digest === undefined && { tag: "latest" }),
  };
}

/** The full form, with the host; with tag and digest if present. */
export function formatImageReference(reference: ImageReference): string {
  const tag = reference.tag === undefined ? "" : `:${reference.tag}`;
  const digest = reference.digest === undefined ? "" : `@${reference.digest}`;
  return `${imageRepository(reference)}${tag}${digest}`;
}

/** `host/repository`, without tag and digest. */
export function imageRepository(reference: ImageReference): string {
  return `${reference.host}/${reference.repository}`;
}

/** `host/repository@digest`: immutable. */
export function pinnedReference(reference: ImageReference, digest: string): string {
  return `${imageRepository(reference)}@${digest}`;
}

/** Names that podman gives to local images, `localhost/app`, which no registry has. */
export function isEngineLocalName(reference: ImageReference): boolean {
  return reference.host === "localhost";
}

function splitDigest(text: string): [string, string | undefined] {
  const at = text.indexOf("@");
  if (at === -1) return [text, undefined];
  const digest = text.slice(at + 1);
  if (!DIGEST.test(digest)) {
    throw invalid(
      text,
      `${JSON.stringify(digest)} is not a digest`,
      "a digest is sha256: and 64 of 0-9 and a-f",
    );
  }
  return [text.slice(0, at), digest];
}

/** The part before the first `/` is a host only if it has the form of one; otherwise the host is docker.io. */
function splitHost(text: string, whole: string): { host: string; rest: string } {
  const slash = text.indexOf("/");
  const first = slash === -1 ? "" : text.slice(0, slash);
  if (slash === -1 && LOOPBACK.test(text))
    throw invalid(whole, "it names a registry, but no repository in it", `write ${text}/NAME:TAG`);
  if (first !== "localhost" && !/[.:[]/.test(first)) {
    // Engines take upper case for that of a host, which then does not exist.
    if (first !== first.toLowerCase()) throw upperCase(whole, text.split(":")[0] ?? text);
    return { host: DEFAULT_HOST, rest: text };
  }
  if (first.startsWith("[")) throw ipv6(whole, first);
  if (!HOST.test(first))
    throw invalid(whole, `${JSON.stringify(first)} is not a registry host`, "write HOST or HOST:PORT");
  const port = /:([0-9]+)$/.exec(first)?.[1];
  if (port !== undefined && (Number(port) < 1 || Number(port) > 65535)) {
    throw invalid(whole, `${port} is not a port`, "a port is a number from 1 to 65535");
  }
  const host = first === "index.docker.io" || first === "registry-1.docker.io" ? DEFAULT_HOST : first;
  return { host, rest: text.slice(slash + 1) };
}

function splitTag(text: string, whole: string): [string, string | undefined] {
  const colon = text.indexOf(":");
  if (colon === -1) return [text, undefined];
  const tag = text.slice(colon + 1);
  if (tag === "") {
    const without = whole.replace(/:(?=@|$)/, "");
    throw invalid(
      whole,
      "the tag after the colon is missing",
      `write ${without}:TAG, or ${without} for :latest`,
    );
  }
  if (!TAG.test(tag)) {
    throw invalid(
      whole,
      `${JSON.stringify(tag)} is not a tag`,
      "a tag is 1 to 128 letters, digits, '_', '.' and '-'",
    );
  }
  return [text.slice(0, colon), tag];
}

function checkRepository(repository: string, whole: string): void {
  const rule = "each part between slashes is a-z and 0-9, joined by '.', '_', '__' or '-'";
  for (const part of repository.split("/")) {
    if (part === "") throw invalid(whole, "a part of the repository is empty", rule);
    if (!COMPONENT.test(part))
      throw invalid(whole, `${JSON.stringify(part)} cannot be part of a repository`, rule);
  }
  if (repository.length > 255)
    throw invalid(whole, "the repository is longer than 255 characters", "shorten it");
}

/** `path`: the repository as it was written. */
function upperCase(whole: string, path: string): BoxkiteError {
  const hint = `repository names are lower case: write ${JSON.stringify(whole.replace(path, path.toLowerCase()))}`;
  return invalid(whole, "the repository has upper-case letters", hint);
}

/** Podman and Docker before 23 do not take such a reference at all. */
function ipv6(whole: string, host: string): BoxkiteError {
  const [, address = "", port = ""] = /^\[(.*)\](:[0-9]+)?$/.exec(host) ?? [];
  const isLoopback = /^(0*:)*0*1$/.test(address);
  const named = whole.replace(host, `${isLoopback ? "localhost" : "NAME"}${port}`);
  return invalid(
    whole,
    "container engines take no IPv6 address as a registry's host",
    isLoopback
      ? `write ${JSON.stringify(named)}`
      : `give the registry a name, in DNS or in /etc/hosts, and write ${JSON.stringify(named)}`,
  );
}

function invalid(text: string, why: string, hint: string): BoxkiteError {
  const shown = text.length > 200 ? `${text.slice(0, 200)}…` : text;
  return new BoxkiteError(
    "IMAGE_REFERENCE_INVALID",
    `${JSON.stringify(shown)} is not an image reference: ${why}`,
    { hint },
  );
}
