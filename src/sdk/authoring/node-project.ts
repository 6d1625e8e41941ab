/** Packages of a project of npm's or pnpm's, for an image: exactly as its lockfile has them. */
import { existsSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";

export interface NodeProjectOptions {
  /** The folder of package.json and the lockfile. */
  readonly directory: string;
  /** @default "npm", or "pnpm" if there is a pnpm-lock.yaml and no package-lock.json */
  readonly manager?: "npm" | "pnpm";
  /** Install development dependencies too. @default false */
  readonly includeDev?: boolean;
}

export interface NodeProject {
  readonly directory: string;
  /** package.json for the image. */
  readonly manifest: string;
  /** Relative to the directory: what the installation reads besides. */
  readonly files: readonly string[];
  /** The commands that install, to be run in the folder of the files. */
  readonly commands: readonly string[];
}

/** Throws if there is no lockfile, or if the project depends on files that will not be in the image. */
export function readNodeProject(options: NodeProjectOptions): NodeProject {
  const directory = resolve(options.directory);
  const has = (file: string): boolean => existsSync(join(directory, file));
  const manager = options.manager ?? (has("pnpm-lock.yaml") && !has("package-lock.json") ? "pnpm" : "npm");
  const lockfile = manager === "npm" ? "package-lock.json" : "pnpm-lock.yaml";
  if (!has(lockfile))
    throw new Error(`${join(directory, lockfile)} is not there; the layer installs from a lockfile only`);
  const manifest = readManifest(directory);
  const image = { directory, manifest: withoutScripts(manifest) };
  const files = filesOfProject(manifest, directory, lockfile);
  if (manager === "npm") {
    return {
      ...image,
      files,
      commands: [`npm ci --no-audit --no-fund${options.includeDev ? "" : " --omit=dev"}`],
    };
  }
  const commands = [
    `npm install --global --no-audit --no-fund ${pnpmOf(manifest)}`,
    `pnpm install --frozen-lockfile${options.includeDev ? "" : " --prod"}`,
  ];
  return { ...image, files, commands };
}

/**
 * Without the project's own scripts. npm and pnpm would run `prepare` and the like, made for a checkout: neither the
 * tools among the development dependencies (husky) nor the files that they read are in the image.
 */
function withoutScripts(manifest: Manifest): string {
  return JSON.stringify({ ...manifest, scripts: undefined }, undefined, 2);
}

interface Manifest {
  readonly packageManager?: string;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly devDependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}

function readManifest(directory: string): Manifest {
  return JSON.parse(readFileSync(join(directory, "package.json"), "utf8")) as Manifest;
}

/** For projects without `packageManager`; pinned, so that builds are reproducible. */
const PNPM = "pnpm@10.34.9";

function pnpmOf({ packageManager }: Manifest): string {
  // Without the hash that Corepack appends.
  return packageManager?.startsWith("pnpm@") ? (packageManager.split("+")[0] ?? PNPM) : PNPM;
}

/** What an installation reads besides the manifest: the lockfile, pnpm's settings, and tarballs that it names. */
function filesOfProject(manifest: Manifest, directory: string, lockfile: string): readonly string[] {
  const settings = ["pnpm-workspace.yaml"].filter(
    (file) => lockfile === "pnpm-lock.yaml" && existsSync(join(directory, file)),
  );
  const { dependencies, devDependencies, optionalDependencies } = manifest;
  const tarballs = Object.entries({ ...dependencies, ...devDependencies, ...optionalDependencies }).flatMap(
    ([name, version]) => {
      if (!/^(?:file|link|workspace):/.test(version)) return [];
      const file = join(".", version.replace(/^file:/, ""));
      if (/^(?:link|workspace):/.test(version) || file.startsWith("..") || !/\.(?:tgz|tar\.gz)$/.test(file)) {
        throw new Error(
          `${join(directory, "package.json")}: ${name} is ${version}, which is not in the image; publish it, or npm pack it into the folder of the project`,
        );
      }
      return [file];
    },
  );
  return [lockfile, ...settings, ...tarballs];
}
