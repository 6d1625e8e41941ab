/** `boxkite audit`: who did what to what, from the audit log of a server that runs or not. */
import { once } from "node:events";
import { stat } from "node:fs/promises";
import { join } from "node:path";
import { AUDIT_DIRECTORY } from "../audit/day-file.ts";
import type { AuditLine } from "../audit/entry.ts";
import { readAuditLines } from "../audit/read-lines.ts";
import type { TimeMs } from "../domain/action.ts";
import { systemClock } from "../lib/clock.ts";
import { orAbsent } from "../lib/errno.ts";
import { hasStore } from "../server/store-file.ts";
import { invalidSetting, optionOf } from "./check-setting.ts";
import { EXIT, type Command, type CommandInput } from "./command.ts";
import { dataDirectory, noDataDirectory } from "./data-directory.ts";
import { parseDuration } from "./duration.ts";
import { readSettingsFile } from "./settings-file.ts";

export const audit: Command = {
  name: "audit",
  summary: "print who did what to what with which result, one JSON object a line",
  options: {
    since: {
      type: "string",
      value: "TIME",
      help: "from this time on: 90m, 24h or 7d ago, or 2026-01-31T08:00Z",
    },
    until: { type: "string", value: "TIME", help: "before this time, written as for --since" },
    who: { type: "string", value: "NAME", help: "of this person, machine or token (its name or id) only" },
    project: { type: "string", value: "NAME", help: "what concerns this project only" },
    denied: { type: "boolean", help: "what was denied only" },
    follow: { type: "boolean", help: "then print what is added, until Ctrl-C" },
    data: { type: "string", value: "DIR", help: "the server's data directory (~/.local/share/boxkite)" },
    config: { type: "string", value: "FILE", help: "the server's settings file, for its data directory" },
  },
  run,
};

async function run(input: CommandInput): Promise<number> {
  const now = systemClock.now();
  const [since, until] = [timeOf(input, "since", now), timeOf(input, "until", now)];
  const isWanted = filterOf(input);
  const directory = dataDirectory(input, await readSettingsFile(input));
  const log = join(directory, AUDIT_DIRECTORY);
  // It can be read without a store, too: that may be what was lost.
  if ((await orAbsent(stat(log))) === undefined && !(await hasStore(directory)))
    throw noDataDirectory(directory);
  const stopping = new AbortController();
  const { signal } = stopping;
  const stop = () => stopping.abort();
  // A reader such as `head` that has enough is no failure.
  process.stdout.on("error", stop);
  if (input.values["follow"] === true) for (const name of ["SIGINT", "SIGTERM"]) process.once(name, stop);
  const lines = readAuditLines(log, {
    since,
    until,
    ...(input.values["follow"] === true && { follow: { clock: systemClock, signal } }),
    onDamaged: (file, line) =>
      process.stderr.write(`warning: line ${line} of ${file} is not whole and was left out\n`),
  });
  for await (const { text, line } of lines) {
    if (signal.aborted) break;
    if (isWanted(line) && !process.stdout.write(`${text}\n`))
      await once(process.stdout, "drain", { signal }).catch(() => {});
  }
  return EXIT.ok;
}

function filterOf(input: CommandInput): (line: AuditLine) => boolean {
  const [who, project] = [optionOf(input, "who")?.value, optionOf(input, "project")?.value];
  const isDenied = input.values["denied"] === true;
  return (line) =>
    (who === undefined || line.who === who || line.token === who) &&
    (project === undefined || line.on.some((each) => isOf(each, project))) &&
    (!isDenied || line.kind === "denied");
}

/** Keys begin with the project; of an image, a token and the server itself there is none. */
function isOf({ kind, key }: AuditLine["on"][number], project: string): boolean {
  return kind !== "image" && kind !== "token" && key.split("/", 1)[0] === project;
}

function timeOf(input: CommandInput, name: string, now: TimeMs): TimeMs | undefined {
  const setting = optionOf(input, name);
  if (setting === undefined) return undefined;
  const ago = parseDuration(setting.value);
  if (ago !== undefined) return now - ago;
  const at = /^\d{4}-/u.test(setting.value) ? Date.parse(setting.value) : Number.NaN;
  if (!Number.isNaN(at)) return at;
  throw invalidSetting(setting, "a time ago like 90m, 24h or 7d, or a time like 2026-01-31T08:00Z");
}
