/** An image with this checkout's package, for tasks in TypeScript. */
import { copyFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { packedTarball } from "../../test/sdk/helpers/package.ts";
import { NODE_IMAGE } from "./bench-images.ts";
import type { BenchContext } from "./measure.ts";
import { outputOf } from "./process.ts";

const NAME = "localhost/boxkite-bench/typescript:1";
const CONTAINERFILE = `
FROM ${NODE_IMAGE}
WORKDIR /app
COPY boxkite.tgz /tmp/
RUN npm install --global --no-audit --no-fund /tmp/boxkite.tgz zod@4.6.7
`;

/** Builds it; its packages come from the registry of npm. */
export async function typescriptImage(context: BenchContext): Promise<string> {
  const directory = await context.directory();
  await copyFile(packedTarball(), join(directory, "boxkite.tgz"));
  await writeFile(join(directory, "Containerfile"), CONTAINERFILE);
  await outputOf("podman", ["build", "--pull=never", "--tag", NAME, directory]);
  // Not while a server makes containers of it: Podman would take the storage of one that is just being made.
  context.deferToEnd(() => outputOf("podman", ["rmi", "--force", NAME]));
  return NAME;
}
