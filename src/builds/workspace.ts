/** Prepares the folder of a build: the Containerfile, the upload, the inputs of mounts, the secrets. */
import { copyFile, cp, mkdir, stat, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { BuildSecret } from "./builder.ts";
import { type RenderedContainerfile, UPLOAD_FOLDER } from "./containerfile.ts";
import type { UnpackedContext } from "./context-digest.ts";
import { type ImageSpec, type SecretMount, secretId } from "../images/image-spec.ts";

/** Returns the path of the Containerfile. It is outside of the context, so that COPY cannot include it. */
export async function prepareContext(
  folder: string,
  spec: ImageSpec,
  rendered: RenderedContainerfile,
  context: UnpackedContext,
): Promise<string> {
  const root = join(folder, "root");
  const upload = join(root, UPLOAD_FOLDER);
  for (const layer of spec.layers) {
    // The SDK sends files, not folders: a folder without files is missing from the archive.
    if (layer.kind === "copy" && context.digestOf(layer.source) === undefined) {
      await mkdir(join(upload, layer.source), { recursive: true });
    }
  }
  for (const { path, parts } of rendered.inputs) {
    for (const { from, to } of parts) await copyInto(join(upload, from), join(root, path, to));
  }
  const containerfile = join(folder, "Containerfile");
  await writeFile(containerfile, rendered.text);
  return containerfile;
}

async function copyInto(from: string, to: string): Promise<void> {
  await mkdir(dirname(to), { recursive: true });
  if ((await stat(from)).isDirectory()) {
    await cp(from, to, { recursive: true, verbatimSymlinks: true, preserveTimestamps: true });
  } else {
    await copyFile(from, to);
  }
}

export async function writeSecrets(
  folder: string,
  mounts: readonly SecretMount[],
  read: (mount: SecretMount) => Promise<string>,
): Promise<BuildSecret[]> {
  const secrets: BuildSecret[] = [];
  await mkdir(join(folder, "secrets"), { recursive: true, mode: 0o700 });
  for (const mount of mounts) {
    const id = secretId(mount);
    const file = join(folder, "secrets", id);
    await writeFile(file, await read(mount), { mode: 0o600 });
    secrets.push({ id, file });
  }
  return secrets;
}
