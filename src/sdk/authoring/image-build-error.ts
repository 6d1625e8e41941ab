import { BoxkiteError, hideProperties, type BoxkiteErrorOptions } from "../../domain/errors.ts";

const brand = Symbol.for("boxkite.ImageBuildError");

/** An image could not be built, by the server or on this machine. Its code is `IMAGE_BUILD_FAILED`. */
export class ImageBuildError extends BoxkiteError {
  override readonly name = "ImageBuildError";
  /** The name that the image was to get, with its tag. */
  readonly image: string;
  /** The instruction that failed, such as `RUN npm ci`; undefined if the builder does not report it. */
  readonly step: string | undefined;
  /** The last lines that the build wrote, oldest first; empty where it wrote none. */
  readonly log: readonly string[];
  readonly [brand] = true;

  constructor(image: string, message: string, options: ImageBuildErrorOptions = {}) {
    super("IMAGE_BUILD_FAILED", message, options);
    this.image = image;
    this.step = options.step;
    this.log = options.log ?? [];
    hideProperties(this, ["name", "image", "step", "log", brand]);
  }

  static override [Symbol.hasInstance](value: unknown): boolean {
    return typeof value === "object" && value !== null && brand in value;
  }
}

export interface ImageBuildErrorOptions extends BoxkiteErrorOptions {
  readonly step?: string | undefined;
  readonly log?: readonly string[];
}
