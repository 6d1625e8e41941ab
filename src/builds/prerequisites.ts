/** Checks, before anything is built, what a layer needs of the image below it. Each throws IMAGE_BUILD_FAILED. */
import { BoxkiteError } from "../domain/errors.ts";
import type { ImageSpec } from "../images/image-spec.ts";
import type { BaseImageFacts } from "./base-facts.ts";

/** `number` is the layer's, counted from 1; `title` names it. */
export function requirePython(spec: ImageSpec, number: number, base: BaseImageFacts, title: string): void {
  if (base.python !== "none" || mayBeAddedBefore(spec, number)) return;
  throw new BoxkiteError(
    "IMAGE_BUILD_FAILED",
    `${title}: ${base.reference} has no python on its PATH to install into`,
    {
      hint:
        'If Python is elsewhere in the image, put it on PATH first: .with_env_vars({"PATH": "/where/it/is/bin:$PATH"}); ' +
        'else add one: .with_apt_packages("python3", "python3-pip").',
    },
  );
}

export function requireApt(spec: ImageSpec, number: number, base: BaseImageFacts, title: string): void {
  if (base.apt !== false || mayBeAddedBefore(spec, number)) return;
  throw new BoxkiteError("IMAGE_BUILD_FAILED", `${title}: ${base.reference} has no apt-get`, {
    hint: "The base is not Debian or Ubuntu: install with its own package manager, in .with_commands([...]).",
  });
}

/** Whether an earlier layer could have put a program into the image, or a folder onto its PATH. */
function mayBeAddedBefore({ layers }: ImageSpec, number: number): boolean {
  return layers.slice(0, number - 1).some((layer) => ["apt", "commands", "copy", "env"].includes(layer.kind));
}
