/** `boxkite diff`: what differs between two runs or two actions. */
import { readRunDocument } from "../client/run-document.ts";
import { compareDocuments } from "../domain/comparison/compare.ts";
import { EXIT, type Command, type CommandInput } from "./command.ts";
import { CLIENT_OPTIONS, findServer } from "./runs/connect.ts";
import { comparisonText } from "./runs/describe-comparison.ts";
import { parseRunName } from "./runs/run-name.ts";

export const diff: Command = {
  name: "diff",
  summary: "say what differs between two runs or actions: image, packages, code, inputs, settings, times",
  positionals: ["RUN[/ACTION]", "RUN[/ACTION]"],
  options: {
    ...CLIENT_OPTIONS,
    json: { type: "boolean", help: "all that differs, as one JSON object" },
  },
  run,
};

const USAGE = "name two: boxkite diff RUN_A RUN_B";

async function run(input: CommandInput): Promise<number> {
  const server = await findServer(input);
  const [first, second] = input.positionals;
  const before = parseRunName(first, server.scope, USAGE);
  const after = parseRunName(second, server.scope, USAGE);
  const [old, now] = await Promise.all([
    readRunDocument(server.connection, before, before.action),
    readRunDocument(server.connection, after, after.action),
  ]);
  const comparison = compareDocuments(old, now);
  process.stdout.write(
    input.values["json"] === true ? `${JSON.stringify(comparison)}\n` : comparisonText(comparison),
  );
  return EXIT.ok;
}
