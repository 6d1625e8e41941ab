/**
 * What a server did when it started an attempt, so that its image runs although it would not as it is. The image, its USER,
 * environment and packages stay unchanged.
 */

export type Adaptation =
  /** The interpreter that has flyte is started by its full path, since `a0` is not on PATH or belongs to another. */
  | { readonly kind: "interpreter"; readonly path: string }
  /** This ENTRYPOINT does not execute its arguments, so the task's own program replaces it. */
  | { readonly kind: "entrypoint"; readonly replaced: readonly string[] }
  /** flyte is mounted for the image's interpreter. */
  | ({ readonly kind: "runtime" } & RuntimeUse)
  /** `--run-start-time` is left out, which this version of flyte in the image does not know. */
  | { readonly kind: "start_time"; readonly flyte: string }
  /** The code that is sent with a run is put there by the server: nothing in the image fetches or unpacks it. */
  | { readonly kind: "code"; readonly uri: string; readonly target: string };

export type AdaptationKind = Adaptation["kind"];

export interface RuntimeUse {
  /** Its name, such as `cp311-glibc-amd64-…`. */
  readonly runtime: string;
  readonly flyte: string;
  /** Which packages count where image and runtime both have one: see docs/zero-build.md. */
  readonly use: "append" | "route" | "prepend";
  /** Those of the image that are replaced, by name; all where `use` is `prepend`. */
  readonly replaced: readonly string[];
  /** Requirements of the image's packages that are not met because of it. */
  readonly broken: readonly string[];
}

/** For people, in one line. */
export function describeAdaptation(adaptation: Adaptation): string {
  switch (adaptation.kind) {
    case "interpreter":
      return `a0 is started with ${adaptation.path}`;
    case "entrypoint":
      return `the ENTRYPOINT ${JSON.stringify(adaptation.replaced)} is replaced, since it does not execute its arguments`;
    case "runtime":
      return `flyte ${adaptation.flyte} is mounted${describeUse(adaptation)}`;
    case "start_time":
      return `--run-start-time is left out, which flyte ${adaptation.flyte} refuses`;
    case "code":
      return `the code is put into ${adaptation.target} by the server`;
  }
}

function describeUse({ use, replaced, broken }: RuntimeUse): string {
  const packages = use === "prepend" ? "all its packages" : replaced.join(", ");
  const instead = use === "append" ? "" : `, with ${packages} instead of the image's`;
  return broken.length === 0 ? instead : `${instead} (not met: ${broken.join("; ")})`;
}
