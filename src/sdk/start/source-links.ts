/** Links to the source of modules at the commit that is checked out, in the form in which flyte 2.12.1 makes them (flyte/git/_config.py). */
import { execFile } from "node:child_process";
import { relative, sep } from "node:path";
import { promisify } from "node:util";

/** The link to a module, an absolute path; undefined for one outside of the checkout. */
export type SourceLinks = (modulePath: string) => string | undefined;

/** What a link has between the address of a repository and the commit, by the host of the repository. */
const PREFIXES: Readonly<Record<string, string>> = { "github.com": "blob", "gitlab.com": "-/blob" };
/** A checkout that is as slow as this has no links. */
const TIMEOUT_MS = 5_000;

/** Undefined where the folder is in no checkout, without Git, and for other hosts. Never rejects. */
export async function readSourceLinks(folder: string): Promise<SourceLinks | undefined> {
  const git = async (...args: string[]): Promise<string> => {
    const { stdout } = await promisify(execFile)("git", args, { cwd: folder, timeout: TIMEOUT_MS });
    return stdout.trim();
  };
  try {
    const [head, remote, changes] = await Promise.all([
      git("rev-parse", "--show-toplevel", "HEAD"),
      git("remote", "get-url", "--push", "origin"),
      git("status", "--porcelain"),
    ]);
    const [top = "", commit = ""] = head.split("\n");
    const repository = repositoryUrl(remote);
    const prefix = repository && PREFIXES[new URL(repository).hostname];
    if (repository === undefined || prefix === undefined) return undefined;
    // The SDKs name a line only where the file is as it was committed.
    const anchor = changes === "" ? "#L1" : "";
    return (modulePath) => {
      const path = relative(top, modulePath).split(sep);
      if (path[0] === "..") return undefined;
      return `${repository}/${prefix}/${commit}/${path.map(encodeURIComponent).join("/")}${anchor}`;
    };
  } catch {
    // The link is for people, and a run starts as well without it.
    return undefined;
  }
}

/** Over HTTPS, without credentials; undefined for what is not on a host. */
export function repositoryUrl(remote: string): string | undefined {
  const url = remote.replace(/^(?:ssh:\/\/)?git@([^:/]+)[:/]/u, "https://$1/").replace(/\.git$/u, "");
  if (!URL.canParse(url)) return undefined;
  const { protocol, host, pathname } = new URL(url);
  return protocol === "https:" && pathname !== "/" ? `https://${host}${pathname}` : undefined;
}
