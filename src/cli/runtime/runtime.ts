/** `boxkite runtime`: the Python runtimes for images without flyte. They are fetched on first need, or here beforehand. */
import { join } from "node:path";
import { systemClock } from "../../lib/clock.ts";
import { createFetchWheel } from "../../python-runtime/fetch-wheel.ts";
import { readLock } from "../../python-runtime/lock.ts";
import { RUNTIMES_DIRECTORY, RuntimeStore } from "../../python-runtime/runtime-store.ts";
import { variantName, VARIANTS, variantText } from "../../domain/python-variant.ts";
import { createDirectory, explainDirectory } from "../../server/create-directory.ts";
import { EXIT, type Command, type CommandInput } from "../command.ts";
import { dataDirectory } from "../data-directory.ts";
import { formatBytes, formatTable } from "../images/describe.ts";
import { readSettingsFile } from "../settings-file.ts";
import { verbOf } from "../verbs.ts";
import { chooseVariants } from "./choose-variants.ts";

export const runtime: Command = {
  name: "runtime",
  summary: "fetch or list the Python runtimes for images without flyte",
  positionals: ["list|fetch"],
  options: {
    all: { type: "boolean", help: "fetch: what is not named below is all of its kind" },
    python: { type: "string", value: "3.N", help: "fetch: for this Python only (all that there are)" },
    libc: { type: "string", value: "NAME", help: "fetch: glibc or musl (glibc)" },
    arch: { type: "string", value: "NAME", help: "fetch: amd64 or arm64 (this machine's)" },
    data: { type: "string", value: "DIR", help: "the server's data directory (~/.local/share/boxkite)" },
    config: { type: "string", value: "FILE", help: "the server's settings file, for where its data is" },
    json: { type: "boolean", help: "one JSON object a line" },
  },
  run: async (input) => {
    const { verb } = verbOf(input, "runtime", VERBS, "list");
    const data = dataDirectory(input, await readSettingsFile(input));
    const directory = join(data, RUNTIMES_DIRECTORY);
    const fetchWheel = createFetchWheel(input.env, systemClock);
    const store = new RuntimeStore({ directory, fetchWheel, clock: systemClock });
    if (verb === "list") return list(store, input);
    await createDirectory(data, 0o700).catch((error: unknown) => {
      throw explainDirectory(error, data);
    });
    return fetchAll(store, input);
  },
};

const VERBS = { list: ["json"], fetch: ["all", "python", "libc", "arch", "json"] } as const;

/** One after the other: what the first ones brought is there if a later one fails. */
async function fetchAll(store: RuntimeStore, input: CommandInput): Promise<number> {
  for (const variant of chooseVariants(input, process.arch)) {
    const { flyte, directory, bytes } = await store.fetch(variant);
    const line =
      input.values["json"] === true
        ? JSON.stringify({ variant: variantName(variant), ...variant, flyte, directory, bytes })
        : `${variantText(variant)}: flyte ${flyte}, ${formatBytes(bytes)}`;
    process.stdout.write(`${line}\n`);
  }
  return EXIT.ok;
}

async function list(store: RuntimeStore, { values }: CommandInput): Promise<number> {
  const rows = await Promise.all(
    VARIANTS.map(async (variant) => {
      const [{ flyte, minimumLibc }, found] = await Promise.all([readLock(variant), store.find(variant)]);
      return {
        variant,
        flyte,
        minimumLibc,
        directory: found?.directory ?? null,
        bytes: found?.bytes ?? null,
      };
    }),
  );
  if (values["json"] === true) {
    for (const { variant, ...row } of rows)
      process.stdout.write(`${JSON.stringify({ variant: variantName(variant), ...variant, ...row })}\n`);
    return EXIT.ok;
  }
  const table = rows.map(({ variant: { python, libc, arch }, flyte, minimumLibc, bytes }) => [
    python,
    `${libc} ${minimumLibc}`,
    arch,
    flyte,
    bytes === null ? "not fetched" : formatBytes(bytes),
  ]);
  process.stdout.write(formatTable([["PYTHON", "FROM LIBC", "ARCH", "FLYTE", "SIZE"], ...table]));
  return EXIT.ok;
}
