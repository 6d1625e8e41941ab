/** `boxkite get`: what a server knows of a run or of one of its actions; without a name its newest runs. */
import { readRunDocument } from "../client/run-document.ts";
import { BoxkiteError } from "../domain/errors.ts";
import { formatDuration } from "../pages/assets/duration.js";
import { optionOf, wholeNumber } from "./check-setting.ts";
import { EXIT, type Command, type CommandInput } from "./command.ts";
import { formatTable } from "./images/describe.ts";
import { CLIENT_OPTIONS, findServer, requirePlace, type Server } from "./runs/connect.ts";
import { documentText } from "./runs/describe-document.ts";
import { pageOf, parseRunName } from "./runs/run-name.ts";
import { plain, timeText } from "./runs/text.ts";

export const get: Command = {
  name: "get",
  summary: "show a run or an action with its provenance and error; list runs, those of an image too",
  positionals: ["[RUN[/ACTION]]"],
  options: {
    image: {
      type: "string",
      value: "NAME",
      help: "list the runs that use this image: a reference, a digest or the start of one",
    },
    limit: { type: "string", value: "N", help: "of a list: how many runs, the newest first (20)" },
    ...CLIENT_OPTIONS,
    json: {
      type: "boolean",
      help: "the server's document of it, as one JSON object; of a list one object a line",
    },
  },
  run,
};

const USAGE = "boxkite get RUN[/ACTION], or boxkite get for a list";

async function run(input: CommandInput): Promise<number> {
  const server = await findServer(input);
  const [name] = input.positionals;
  const stray = ["image", "limit"].find((option) => input.values[option] !== undefined);
  if (name === undefined) return list(server, input);
  if (stray !== undefined)
    throw new BoxkiteError("CONFIG_INVALID", `--${stray} is for lists, and ${name} is one run`, {
      hint: USAGE,
    });
  const { action, ...key } = parseRunName(name, server.scope, USAGE);
  const document = await readRunDocument(server.connection, key, action);
  process.stdout.write(
    input.values["json"] === true
      ? `${JSON.stringify(document)}\n`
      : documentText(document, pageOf(server.origin, { ...key, action })),
  );
  return EXIT.ok;
}

const MAX_LISTED = 1_000;

async function list({ connection, scope }: Server, input: CommandInput): Promise<number> {
  const image = optionOf(input, "image")?.value;
  const limit = wholeNumber(optionOf(input, "limit"), 20, 1, MAX_LISTED);
  // What a list needs is not loaded for one run.
  const { listRuns } = await import("./runs/list-runs.ts");
  const runs = await listRuns(connection, requirePlace(scope), image === undefined ? {} : { image }, limit);
  if (input.values["json"] === true) {
    for (const each of runs) process.stdout.write(`${JSON.stringify(each)}\n`);
    return EXIT.ok;
  }
  const rows = runs.map(({ run: name, task, phase = "", startedAt, endedAt }) => [
    name,
    phase.replaceAll("_", " "),
    plain(task),
    timeText(startedAt) ?? "-",
    startedAt === undefined || endedAt === undefined ? "-" : formatDuration(endedAt - startedAt),
  ]);
  process.stdout.write(formatTable([["RUN", "STATUS", "TASK", "STARTED", "DURATION"], ...rows]));
  return EXIT.ok;
}
