/** `boxkite images build`: builds a specification as the SDK uploads it, without a run. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { BoxkiteError, messageOf } from "../../domain/errors.ts";
import { contextOfFile } from "../../builds/context.ts";
import { systemClock } from "../../lib/clock.ts";
import { silentLogger } from "../../lib/log.ts";
import { secretsOf } from "../../server/build-secrets.ts";
import { createBuilds } from "../../server/builds.ts";
import type { Store } from "../../store/store.ts";
import { decodeImageSpec } from "../../wire/image-spec.ts";
import { EXIT, type CommandInput } from "../command.ts";
import { chooseEngine } from "./engine.ts";

/** Throws CONFIG_INVALID for missing arguments, and what the build itself throws. */
export async function buildImage(store: Store, input: CommandInput, dataDirectory: string): Promise<number> {
  const [, file] = input.positionals;
  const target = input.values["target"] as string | undefined;
  if (file === undefined || target === undefined) {
    throw new BoxkiteError("CONFIG_INVALID", "name the specification and what to call the image", {
      hint: "boxkite images build SPEC --target REGISTRY/NAME:TAG",
    });
  }
  const contextFile = input.values["context"] as string | undefined;
  const bytes = readable(file, () => readFileSync(file));
  const context =
    contextFile === undefined ? undefined : readable(contextFile, () => contextOfFile(contextFile));
  const choice = await chooseEngine(input);
  const interrupted = new AbortController();
  const stop = () => interrupted.abort();
  process.once("SIGINT", stop).once("SIGTERM", stop);
  try {
    const { createImageTools: createTools } = choice;
    if (createTools === undefined)
      throw new BoxkiteError("ENGINE_UNREACHABLE", "there is no engine to build with");
    const workDir = join(dataDirectory, "builds-by-hand");
    const builds = createBuilds({ createTools, store, workDir, clock: systemClock, log: silentLogger });
    const readSecret = secretsOf(input.env);
    const { reference } = await builds.build({
      spec: decodeImageSpec(bytes),
      context,
      target,
      force: false,
      isTrusted: true,
      readSecret: async (secret) => readSecret(secret),
      onLog: (line) => void process.stderr.write(`${line}\n`),
      signal: interrupted.signal,
    });
    process.stdout.write(`${reference}\n`);
    return EXIT.ok;
  } finally {
    await choice.close();
  }
}

function readable<T>(file: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    throw new BoxkiteError("CONFIG_INVALID", `cannot read ${file}: ${messageOf(error)}`, { cause: error });
  }
}
