/** `boxkite why`: why a run failed, and what is different since its task last succeeded. */
import { readRunDocument } from "../client/run-document.ts";
import type { ConnectionOptions } from "../client/transport.ts";
import { compareDocuments, type Comparison } from "../domain/comparison/compare.ts";
import { followsOthers } from "../domain/describe-warm-start.ts";
import { BoxkiteError } from "../domain/errors.ts";
import { ROOT_ACTION, type RunKey } from "../domain/ids.ts";
import type { RunDocument } from "../domain/run-document.ts";
import { EXIT, type Command, type CommandInput } from "./command.ts";
import { CLIENT_OPTIONS, findServer } from "./runs/connect.ts";
import { explanationText, type Explanation } from "./runs/describe-explanation.ts";
import { listRuns } from "./runs/list-runs.ts";
import { pageOf, parseRunName } from "./runs/run-name.ts";

export const why: Command = {
  name: "why",
  summary: "say why a run failed, and what is different since its task last succeeded",
  positionals: ["RUN"],
  options: {
    ...CLIENT_OPTIONS,
    json: { type: "boolean", help: "the same as one JSON object" },
  },
  run,
};

async function run(input: CommandInput): Promise<number> {
  const { connection, origin, scope } = await findServer(input);
  const { action, ...key } = parseRunName(input.positionals[0], scope, "boxkite why RUN");
  if (action !== ROOT_ACTION)
    throw new BoxkiteError("CONFIG_INVALID", `${key.run}/${action} is an action, and why is asked of a run`, {
      hint: `boxkite why ${key.run}; or compare two actions: boxkite diff RUN/ACTION RUN/ACTION`,
    });
  const document = await readRunDocument(connection, key);
  const explanation = await explain(connection, key, document);
  const failed = document.failure?.action.name ?? ROOT_ACTION;
  process.stdout.write(
    input.values["json"] === true
      ? `${JSON.stringify(explanation)}\n`
      : explanationText(explanation, pageOf(origin, { ...key, action: failed })),
  );
  return explanation.comparison === undefined ? EXIT.unchecked : EXIT.ok;
}

async function explain(
  connection: ConnectionOptions,
  key: RunKey,
  document: RunDocument,
): Promise<Explanation> {
  const { run: entry, action, failure } = document;
  const error = failure?.action.error ?? action.error;
  const warm = (failure?.action ?? action).attempts.at(-1)?.provenance.warm;
  const known = {
    run: entry,
    ...(failure && { path: failure.path }),
    ...(error && { error }),
    ...(warm && followsOthers(warm) && { warm }),
    ...(failure?.action.task && { task: failure.action.task.name }),
  };
  if (action.task === undefined) return known;
  const filter = { task: action.task.name, isGreen: true, createdBefore: action.createdAt };
  const [green] = await listRuns(connection, key, filter, 1);
  if (green === undefined) return { ...known, rootTask: action.task.name };
  const before = await readRunDocument(connection, green);
  const ofAction = await compareFailed(connection, before, green, key, document);
  return {
    ...known,
    comparison: compareDocuments(before, document),
    ...(ofAction && { ofFailedAction: ofAction }),
  };
}

/** The failed action, unless it is the root, with the one of the same name in the green run, or the first of its task there. */
async function compareFailed(
  connection: ConnectionOptions,
  before: RunDocument,
  green: RunKey,
  red: RunKey,
  { failure }: RunDocument,
): Promise<Comparison | undefined> {
  const failed = failure?.action;
  if (failed === undefined || failed.name === ROOT_ACTION) return undefined;
  const { first } = before.tasks.find(({ task }) => task === failed.task?.name) ?? {};
  const old =
    (await readIfThere(connection, green, failed.name)) ??
    (first === undefined ? undefined : await readIfThere(connection, green, first));
  if (old === undefined) return undefined;
  return compareDocuments(old, await readRunDocument(connection, red, failed.name));
}

async function readIfThere(
  connection: ConnectionOptions,
  key: RunKey,
  action: string,
): Promise<RunDocument | undefined> {
  try {
    return await readRunDocument(connection, key, action);
  } catch (error) {
    if (error instanceof BoxkiteError && error.code === "ACTION_NOT_FOUND") return undefined;
    throw error;
  }
}
