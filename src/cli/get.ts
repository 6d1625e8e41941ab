/** `boxkite get`: what a server knows of a run or of one of its actions. */
import { readRunDocument } from "../client/run-document.ts";
import { EXIT, type Command, type CommandInput } from "./command.ts";
import { CLIENT_OPTIONS, findServer } from "./runs/connect.ts";
import { documentText } from "./runs/describe-document.ts";
import { pageOf, parseRunName } from "./runs/run-name.ts";

export const get: Command = {
  name: "get",
  summary: "show a run or an action: status, times, inputs, attempts with their provenance, error",
  positionals: ["RUN[/ACTION]"],
  options: {
    ...CLIENT_OPTIONS,
    json: { type: "boolean", help: "the server's document of it, as one JSON object" },
  },
  run,
};

async function run(input: CommandInput): Promise<number> {
  const server = await findServer(input);
  const { action, ...key } = parseRunName(input.positionals[0], server.scope, "boxkite get RUN[/ACTION]");
  const document = await readRunDocument(server.connection, key, action);
  process.stdout.write(
    input.values["json"] === true
      ? `${JSON.stringify(document)}\n`
      : documentText(document, pageOf(server.origin, { ...key, action })),
  );
  return EXIT.ok;
}
