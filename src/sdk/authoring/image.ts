/** Images: a reference to one, or a base with layers from which a builder makes one. */
import { basename, dirname, join, resolve } from "node:path";
import { imageTag } from "./image-tag.ts";
import { readNodeProject, type NodeProjectOptions } from "./node-project.ts";
import { sharedState } from "./state.ts";

export type Layer =
  | { readonly kind: "commands"; readonly commands: readonly string[] }
  | { readonly kind: "env"; readonly variables: Readonly<Record<string, string>> }
  | { readonly kind: "workdir"; readonly path: string }
  | { readonly kind: "apt"; readonly packages: readonly string[] }
  | { readonly kind: "pip"; readonly packages: readonly string[] }
  /** A file or folder of this machine; `to` is relative to the working directory of the image. */
  | { readonly kind: "copy"; readonly from: string; readonly to: string }
  /** A file that was made here, put into the folder `to`. */
  | { readonly kind: "text"; readonly name: string; readonly text: string; readonly to: string }
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
  /** The registry that it is pushed to. */
  readonly registry?: string;
  /** Whether layers may be added. @default unchanged */
  readonly extendable?: boolean;
  /** Such as "linux/amd64". */
  readonly platforms?: readonly string[];
}

/** An image: a reference, or a base with layers on top. Immutable: every `with…` returns a new image. */
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

  /** Whether the image has to be built. A cloned image always is, under its new name. */
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

  /** `$NAME` in a value expands to the variable of the base image. */
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
   * directory. Scripts of the dependencies run, the project's own (`prepare`, `postinstall`) do not: what
   * they need is not there. Throws if there is no lockfile. pnpm is of the version in `packageManager`.
   */
  withNodeProject(options: NodeProjectOptions): Image {
    // The module is also loaded inside the image, where the project's folder does not exist.
    if (sharedState().inContainer) return this;
    const { directory, manifest, files, commands } = readNodeProject(options);
    const manifested = this.#with({ kind: "text", name: "package.json", text: manifest, to: "./" });
    return files
      .reduce<Image>(
        (image, file) => image.withSource(join(directory, file), `${dirname(file)}/`),
        manifested,
      )
      .withCommands(commands);
  }

  /**
   * The code of the tasks. With copyStyle "none" (production) it is copied into the image; otherwise
   * (development) the code bundle of the run has it, and this layer is left out.
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

  /** The tag: a hash of everything that the build depends on. The same content has the same tag. */
  get tag(): string {
    return imageTag(this.#parts);
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
