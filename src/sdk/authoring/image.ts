/** Images as values: a reference, or a base with layers on top that a builder makes into one. */
import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { basename, dirname, join, relative, resolve } from "node:path";
import { sharedState } from "./state.ts";

export type Layer =
  | { readonly kind: "commands"; readonly commands: readonly string[] }
  | { readonly kind: "env"; readonly variables: Readonly<Record<string, string>> }
  | { readonly kind: "workdir"; readonly path: string }
  | { readonly kind: "apt"; readonly packages: readonly string[] }
  | { readonly kind: "pip"; readonly packages: readonly string[] }
  /** A file or folder of this machine; `to` is relative to the working directory of the image. */
  | { readonly kind: "copy"; readonly from: string; readonly to: string }
  /** The modules of the tasks, at the working directory of the image, where they are baked in. */
  | { readonly kind: "codeBundle"; readonly copyStyle: "loaded_modules" | "all" };

interface ImageParts {
  readonly base: string | undefined;
  readonly refName: string | undefined;
  readonly dockerfile: string | undefined;
  readonly name: string | undefined;
  readonly registry: string | undefined;
  readonly extendable: boolean;
  readonly platforms: readonly string[];
  readonly layers: readonly Layer[];
}

export interface CloneOptions {
  /** The name of the image to build, without registry and tag. */
  readonly name?: string;
  /** Where it is pushed to. */
  readonly registry?: string;
  /** Layers may be added. @default what it was */
  readonly extendable?: boolean;
  /** Such as "linux/amd64". */
  readonly platforms?: readonly string[];
}

export interface NodeProjectOptions {
  /** The folder of package.json and the lockfile. */
  readonly directory: string;
  /** @default "npm", or "pnpm" if there is a pnpm-lock.yaml and no package-lock.json */
  readonly manager?: "npm" | "pnpm";
  /** Install development dependencies too. @default false */
  readonly includeDev?: boolean;
}

/** An image: a reference, or a base with layers on top. Values: every `with…` makes a new one. */
export class Image {
  readonly #parts: ImageParts;

  private constructor(parts: ImageParts) {
    this.#parts = parts;
  }

  /** A name that initFromConfig({ images }) or `image.image_refs` in the configuration gives an address to. */
  static fromRefName(name: string): Image {
    return new Image({ ...NOTHING, refName: name });
  }

  /** An image as it is; `clone({ name, registry, extendable: true })` to put layers on top. */
  static fromBase(reference: string): Image {
    return new Image({ ...NOTHING, base: reference });
  }

  /** Node on Debian slim, extendable. */
  static fromDebianBase(
    options: { readonly nodeVersion?: string; readonly name?: string; readonly registry?: string } = {},
  ): Image {
    const base = `docker.io/library/node:${options.nodeVersion ?? process.versions.node.split(".")[0]}-slim`;
    return new Image({
      ...NOTHING,
      base,
      name: options.name ?? "boxkite",
      registry: options.registry,
      extendable: true,
    });
  }

  /** A Dockerfile of your own, built with its folder as the context; local builder only, no layers. */
  static fromDockerfile(options: {
    readonly file: string;
    readonly name: string;
    readonly registry?: string;
  }): Image {
    return new Image({
      ...NOTHING,
      dockerfile: resolve(options.file),
      name: options.name,
      registry: options.registry,
    });
  }

  get base(): string | undefined {
    return this.#parts.base;
  }

  get refName(): string | undefined {
    return this.#parts.refName;
  }

  get dockerfile(): string | undefined {
    return this.#parts.dockerfile;
  }

  get name(): string | undefined {
    return this.#parts.name;
  }

  get registry(): string | undefined {
    return this.#parts.registry;
  }

  get platforms(): readonly string[] {
    return this.#parts.platforms;
  }

  get layers(): readonly Layer[] {
    return this.#parts.layers;
  }

  /** Whether a builder has work to do. A cloned image is always built, under its new name. */
  get needsBuild(): boolean {
    return (
      this.#parts.dockerfile !== undefined ||
      this.#parts.layers.length > 0 ||
      (this.#parts.name !== undefined && this.#parts.refName === undefined)
    );
  }

  clone(options: CloneOptions): Image {
    return new Image({
      ...this.#parts,
      name: options.name ?? this.#parts.name,
      registry: options.registry ?? this.#parts.registry,
      extendable: options.extendable ?? this.#parts.extendable,
      platforms: options.platforms ?? this.#parts.platforms,
    });
  }

  /** Shell commands, one RUN each. */
  withCommands(commands: readonly string[]): Image {
    return this.#with({ kind: "commands", commands });
  }

  /** `$NAME` in a value stands for what the base sets. */
  withEnvVars(variables: Readonly<Record<string, string>>): Image {
    return this.#with({ kind: "env", variables });
  }

  withWorkdir(path: string): Image {
    return this.#with({ kind: "workdir", path });
  }

  withAptPackages(...packages: readonly string[]): Image {
    return this.#with({ kind: "apt", packages });
  }

  withPipPackages(...packages: readonly string[]): Image {
    return this.#with({ kind: "pip", packages });
  }

  /** Copies a file or a folder of this machine; `to` is relative to the image's working directory. */
  withSource(from: string, to: string = "."): Image {
    return this.#with({ kind: "copy", from: resolve(from), to });
  }

  /** Packages for every module in the image, installed globally: names with versions, or paths of tarballs. */
  withGlobalPackages(...packages: readonly string[]): Image {
    const tarballs = packages.filter((name) => /\.(tgz|tar\.gz)$/.test(name));
    const copied = tarballs.reduce<Image>((image, path) => image.withSource(path, "/tmp/"), this);
    const names = packages.map((name) => (tarballs.includes(name) ? `/tmp/${basename(name)}` : name));
    return copied.withCommands([`npm install --global --no-audit --no-fund ${names.join(" ")}`]);
  }

  /**
   * The dependencies of a project, exactly as its lockfile has them, in the image's working
   * directory. Throws if there is no lockfile. pnpm is of the version in `packageManager`.
   */
  withNodeProject(options: NodeProjectOptions): Image {
    // Inside the image, where this module is loaded, too, the project's folder is elsewhere.
    if (sharedState().inContainer) return this;
    const directory = resolve(options.directory);
    const has = (file: string): boolean => existsSync(join(directory, file));
    const manager = options.manager ?? (has("pnpm-lock.yaml") && !has("package-lock.json") ? "pnpm" : "npm");
    const lockfile = manager === "npm" ? "package-lock.json" : "pnpm-lock.yaml";
    if (!has(lockfile))
      throw new Error(`${join(directory, lockfile)} is not there; the layer installs from a lockfile only`);
    const manifest = readManifest(directory);
    const copied = filesOfProject(manifest, directory, lockfile).reduce<Image>(
      (image, file) => image.withSource(join(directory, file), `${dirname(file)}/`),
      this,
    );
    if (manager === "npm") {
      return copied.withCommands([`npm ci --no-audit --no-fund${options.includeDev ? "" : " --omit=dev"}`]);
    }
    return copied.withCommands([
      `npm install --global --no-audit --no-fund ${pnpmOf(manifest)}`,
      `pnpm install --frozen-lockfile${options.includeDev ? "" : " --prod"}`,
    ]);
  }

  /**
   * The code of the tasks. With a code bundle (development) it travels with the run and this layer
   * is left out; with copyStyle "none" (production) it is baked in.
   */
  withCodeBundle(options: { readonly copyStyle?: "loaded_modules" | "all" } = {}): Image {
    return this.#with({ kind: "codeBundle", copyStyle: options.copyStyle ?? "loaded_modules" });
  }

  /** The image with the code bundle layer replaced by copies of the given files, or left out. */
  withBakedCode(files: readonly { readonly from: string; readonly to: string }[] | undefined): Image {
    const layers = this.#parts.layers.flatMap((layer): Layer[] => {
      if (layer.kind !== "codeBundle") return [layer];
      return (files ?? []).map((file) => ({ kind: "copy", ...file }));
    });
    return new Image({ ...this.#parts, layers });
  }

  /** The same layers on another base. */
  withBase(reference: string): Image {
    return new Image({ ...this.#parts, base: reference, refName: undefined });
  }

  /** The tag: a hash of all that the build depends on. The same content has the same tag. */
  get tag(): string {
    const hash = createHash("sha256");
    hash.update(JSON.stringify([this.#parts.base, [...this.#parts.platforms].sort()]));
    if (this.#parts.dockerfile !== undefined) {
      // What the Dockerfile copies counts, and that may be anything in its folder.
      hash.update(`${basename(this.#parts.dockerfile)}\0`);
      hashTree(hash, dirname(this.#parts.dockerfile), "");
    }
    for (const layer of this.#parts.layers) {
      if (layer.kind === "copy") hashTree(hash, layer.from, layer.to);
      else hash.update(JSON.stringify(layer, (_key, value: unknown) => value));
    }
    return hash.digest("hex").slice(0, 24);
  }

  /** `registry/name:tag` of the image to build. */
  get target(): string {
    const { name, registry } = this.#parts;
    if (name === undefined) throw new Error("an image with layers needs a name: clone({ name, registry })");
    return `${registry === undefined ? "" : `${registry}/`}${name}:${this.tag}`;
  }

  #with(layer: Layer): Image {
    if (this.#parts.dockerfile !== undefined)
      throw new Error("an image made from a Dockerfile takes no layers; put them there");
    if (!this.#parts.extendable) {
      throw new Error("layers need an image of your own: clone({ name, registry, extendable: true }) first");
    }
    return new Image({ ...this.#parts, layers: [...this.#parts.layers, layer] });
  }
}

const NOTHING: ImageParts = {
  base: undefined,
  refName: undefined,
  dockerfile: undefined,
  name: undefined,
  registry: undefined,
  extendable: false,
  platforms: ["linux/amd64"],
  layers: [],
};

interface Manifest {
  readonly packageManager?: string;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly devDependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}

function readManifest(directory: string): Manifest {
  return JSON.parse(readFileSync(join(directory, "package.json"), "utf8")) as Manifest;
}

/** For projects that don't name theirs: fixed, so that the same image is made tomorrow. */
const PNPM = "pnpm@10.34.9";

function pnpmOf({ packageManager }: Manifest): string {
  // Without the hash that Corepack appends.
  return packageManager?.startsWith("pnpm@") ? (packageManager.split("+")[0] ?? PNPM) : PNPM;
}

/** What an installation reads: the manifest, the lockfile, pnpm's settings, and tarballs that it names. */
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
  return ["package.json", lockfile, ...settings, ...tarballs];
}

/** By names and contents; times and owners don't count. */
function hashTree(hash: ReturnType<typeof createHash>, from: string, to: string): void {
  if (!statSync(from).isDirectory()) {
    hash.update(`file ${basename(from)} ${to}\0`).update(readFileSync(from));
    return;
  }
  const entries = readdirSync(from, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  hash.update(`folder ${to}\0`);
  for (const file of files.sort()) hash.update(`${relative(from, file)}\0`).update(readFileSync(file));
}
