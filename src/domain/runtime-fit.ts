/** Whether an image can use a Python runtime, and what of it instead of its own packages. */

/** A requirement that a version does not meet. */
export interface Violation {
  readonly package: string;
  readonly version: string;
  /** Such as `protobuf>=6.30.1`. */
  readonly wanted: string;
  /** The package that has the requirement. */
  readonly by: string;
}

export interface Replacement {
  /** Packages of the image that are too old or too new for the runtime. */
  readonly conflicts: readonly Violation[];
  /** What packages of the image require, and the versions of the runtime that replace them do not meet. */
  readonly broken: readonly Violation[];
}

export type RuntimeFit =
  /** The image has flyte itself, which is left alone. */
  | { readonly kind: "has_flyte"; readonly version: string }
  /** All packages of the image count; the runtime adds what is missing. */
  | { readonly kind: "append" }
  /** So it is, but for these packages, which come from the runtime. */
  | ({ readonly kind: "route"; readonly packages: readonly string[] } & Replacement)
  /** All packages of the runtime count. `because`: why less is not enough. */
  | ({ readonly kind: "prepend"; readonly because: string } & Replacement)
  /**
   * It does not work. `because`: the error. It is not certain where the machine may be the cause, as without memory.
   */
  | ({ readonly kind: "refuse"; readonly because: string; readonly isCertain: boolean } & Replacement);
