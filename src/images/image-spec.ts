/**
 * The specification of an image to build: a base image and the layers on top of it, in order.
 *
 * The layers are those that the SDK's `flyte.Image` can send to a remote builder. Paths of files are
 * relative to the build context that was uploaded with the specification.
 */
export interface ImageSpec {
  readonly baseImage: string;
  /**
   * "3.11". The SDK fills in the client's own version where the user named none, so a base with another
   * Python is not a mistake: it is reported in the build log and in the Containerfile, no more.
   */
  readonly pythonVersion: string;
  /** Such as "linux/amd64"; empty if the client named none. */
  readonly platforms: readonly string[];
  readonly layers: readonly Layer[];
}

export type Layer =
  | AptLayer
  | PipLayer
  | RequirementsLayer
  | WheelsLayer
  | CommandsLayer
  | WorkdirLayer
  | CopyLayer
  | EnvLayer
  | UvProjectLayer
  | PoetryLayer;

export interface AptLayer {
  readonly kind: "apt";
  readonly packages: readonly string[];
  readonly secrets: readonly SecretMount[];
}

export interface PipLayer {
  readonly kind: "pip";
  readonly packages: readonly string[];
  readonly options: PipOptions;
  readonly secrets: readonly SecretMount[];
}

export interface RequirementsLayer {
  readonly kind: "requirements";
  readonly file: string;
  readonly options: PipOptions;
  readonly secrets: readonly SecretMount[];
}

/** Wheels that were built on the client: `packageName` is installed from `directory`, its dependencies from the index. */
export interface WheelsLayer {
  readonly kind: "wheels";
  readonly directory: string;
  readonly packageName: string;
  readonly options: PipOptions;
  readonly secrets: readonly SecretMount[];
}

export interface CommandsLayer {
  readonly kind: "commands";
  readonly commands: readonly string[];
  readonly secrets: readonly SecretMount[];
}

export interface WorkdirLayer {
  readonly kind: "workdir";
  readonly path: string;
}

/** A file, a folder or a baked-in code bundle. */
export interface CopyLayer {
  readonly kind: "copy";
  readonly source: string;
  readonly destination: string;
}

export interface EnvLayer {
  readonly kind: "env";
  readonly variables: Readonly<Record<string, string>>;
}

export interface UvProjectLayer {
  readonly kind: "uv-project";
  /** The folder that holds pyproject.toml. */
  readonly directory: string;
  readonly lockFile: string | undefined;
  /** A folder above `directory` that also holds the project's local dependencies. */
  readonly sourceDirectory: string | undefined;
  readonly options: PipOptions;
  readonly secrets: readonly SecretMount[];
}

export interface PoetryLayer {
  readonly kind: "poetry";
  /** pyproject.toml alone, or the folder of a project that is to be installed itself. */
  readonly pyproject: string;
  readonly lockFile: string;
  readonly extraArgs: string;
  readonly secrets: readonly SecretMount[];
}

export interface PipOptions {
  readonly indexUrl: string;
  readonly extraIndexUrls: readonly string[];
  readonly pre: boolean;
  /** Shell text, as the user wrote it. */
  readonly extraArgs: string;
}

/** A secret that one layer's steps may read. Its value is never part of a specification or of an image. */
export interface SecretMount {
  readonly key: string;
  readonly group: string;
  /** The environment variable that holds it, or undefined: a file under /etc/flyte/secrets. */
  readonly variable: string | undefined;
}

/** The secret's name as one word: the id of the build secret and the name of its file. */
export function secretId(secret: Pick<SecretMount, "group" | "key">): string {
  return [secret.group, secret.key]
    .filter((part) => part !== "")
    .join("_")
    .replace(/[^A-Za-z0-9_.-]/g, "_");
}
