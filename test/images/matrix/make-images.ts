/** Makes the images of the kinds. They stay in the engine under the hash of their recipe, so that the next run builds nothing. */
import { createHash } from "node:crypto";
import { mkdir, statfs, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { engineCommand, engineOutput, removeImagesNamed } from "../../helpers/engine.ts";
import type { TestRegistry } from "../../helpers/registry.ts";
import { addAttestation } from "./attestation.ts";
import type { ImageSource, Kind } from "./kinds.ts";

const FOLDER = "localhost/boxkite-matrix";
const PUSH = ["push", "--quiet", "--tls-verify=false"];

export interface MatrixRegistries {
  readonly open: TestRegistry;
  /** Wants credentials. */
  readonly closed: TestRegistry;
}

/** The reference of the kind's image; undefined where it cannot be made here. */
export async function makeImage(
  { name, image }: Kind,
  registries: MatrixRegistries,
  scratch: string,
): Promise<string | undefined> {
  switch (image.kind) {
    case "none":
      return undefined;
    case "missing":
      return `${registries.open.host}/matrix/python:missing`;
    case "private":
      return `${registries.closed.host}/team/app:1`;
    case "built":
      return (await fits(image.freeGib)) ? await build(name, image, scratch) : undefined;
    case "pushed": {
      const local = await build(name, image, scratch);
      const reference = `${registries.open.host}/matrix/${name}:1`;
      await engineOutput("podman", [...PUSH, ...(image.options ?? []), local, reference]);
      if (image.withAttestation === true) await addAttestation(registries.open.host, `matrix/${name}`);
      // So that it is pulled.
      await engineOutput("podman", ["image", "rm", "--force", local]);
      return reference;
    }
  }
}

/** Where an engine of this machine keeps its images, and what it is building. */
async function fits(gib = 0): Promise<boolean> {
  const { bavail, bsize } = await statfs("/var/tmp");
  return bavail * bsize >= gib * 2 ** 30;
}

/** Images under this registry's names, which no later test can use. */
export async function removePulled({ open }: MatrixRegistries): Promise<void> {
  await removeImagesNamed("podman", [`${open.host}/`]);
}

async function build(
  name: string,
  { containerfile, platform }: Extract<ImageSource, { readonly containerfile: string }>,
  scratch: string,
): Promise<string> {
  const recipe = createHash("sha256")
    .update(`${platform ?? ""}\n${containerfile}`)
    .digest("hex");
  const reference = `${FOLDER}/${name}:${recipe.slice(0, 12)}`;
  if ((await engineCommand("podman", ["image", "exists", reference])).code === 0) return reference;
  const context = join(scratch, name);
  await mkdir(context, { recursive: true });
  await writeFile(join(context, "Containerfile"), `${containerfile}\n`);
  await writeFile(join(context, "file"), `${name}\n`);
  const options = ["--quiet", "--pull=never", "--isolation=chroot", "--format=docker", "--network=host"];
  await engineOutput("podman", [
    "build",
    ...options,
    ...(platform === undefined ? [] : [`--platform=${platform}`]),
    `--tag=${reference}`,
    context,
  ]);
  return reference;
}
