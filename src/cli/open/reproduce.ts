/** `boxkite reproduce`: runs an action again on this terminal, or opens a shell where it would run. */
import type { EngineApi } from "../../containers/api.ts";
import { shellOf } from "../../containers/static-shell.ts";
import { describeAdaptation } from "../../domain/adaptation.ts";
import { BoxkiteError } from "../../domain/errors.ts";
import { reproductionsPath, type BegunReproduction } from "../../services/reproductions.ts";
import type { ReproductionOutcome } from "../../services/reproduction-outcome.ts";
import { sendJson } from "../../client/server-json.ts";
import type { ConnectionOptions } from "../../client/transport.ts";
import type { ActionKey } from "../../domain/ids.ts";
import type { Command, CommandInput } from "../command.ts";
import { CLIENT_OPTIONS, findServer } from "../runs/connect.ts";
import { parseRunName } from "../runs/run-name.ts";
import { isTerminal, runOnTerminal } from "./on-terminal.ts";
import { pythonDebugger, pythonPathOf } from "./debugger.ts";
import { withFilesOf } from "./look-inside.ts";
import { withEngine } from "./open-engine.ts";
import { exitCodeOf, outcomeText } from "./outcome-text.ts";
import { bodyOf, createReproductionContainer, type ContainerChanges } from "./reproduction-container.ts";
import { prepareSource } from "./source.ts";
import { RUN_COMMAND, shellInsteadOf } from "./task-program.ts";

export const reproduce: Command = {
  name: "reproduce",
  summary: "run an action again on this terminal: same image, code, inputs and environment",
  positionals: ["RUN[/ACTION]"],
  options: {
    shell: { type: "boolean", help: "open a shell instead of running the task" },
    pdb: { type: "boolean", help: "stop in Python's debugger where the task raises" },
    set: {
      type: "string",
      multiple: true,
      value: "INPUT=VALUE",
      help: "another value for an input; may be repeated",
    },
    "no-source": { type: "boolean", help: "mount no source of this directory for editing" },
    attempt: { type: "string", value: "N", help: "which attempt to run again (the newest)" },
    ...CLIENT_OPTIONS,
  },
  run,
};

async function run(input: CommandInput): Promise<number> {
  const { values, positionals, env } = input;
  const text = (name: string) => values[name] as string | undefined;
  const request = { ...attemptOf(text("attempt")), set: inputsOf(values["set"]) };
  const { connection, scope } = await findServer(input);
  const key = parseRunName(positionals[0], scope, "boxkite reproduce RUN/ACTION");
  const path = reproductionsPath(key);
  const begun = (await sendJson(connection, "POST", path, request)) as BegunReproduction;
  let isEnded = false;
  const end = async () => {
    const outcome = (await sendJson(connection, "DELETE", `${path}/${begun.id}`)) as ReproductionOutcome;
    isEnded = true;
    return outcome;
  };
  try {
    return await withEngine(begun.engine, env, async (api) => {
      const isShell = values["shell"] === true;
      const hasSource = values["no-source"] !== true;
      const isDebugged = values["pdb"] === true;
      const changes = await changesOf(begun, { api, connection, key, isShell, isDebugged, hasSource });
      const id = await createReproductionContainer(api, begun, changes, env);
      try {
        if (changes.program !== undefined) say(`to run the task: ${RUN_COMMAND}`);
        const code = await runOnTerminal(api, ["start", "--attach", "--interactive", id], env);
        const outcome = await end();
        if (changes.program === undefined || outcome.kind !== "nothing")
          process.stderr.write(outcomeText(outcome));
        return changes.program === undefined ? exitCodeOf(outcome, code) : code;
      } finally {
        await api.removeContainer(id);
      }
    });
  } finally {
    if (!isEnded) await end();
  }
}

interface Wanted {
  readonly api: EngineApi;
  readonly connection: ConnectionOptions;
  readonly key: ActionKey;
  readonly isShell: boolean;
  readonly isDebugged: boolean;
  readonly hasSource: boolean;
}

async function changesOf(
  begun: BegunReproduction,
  { api, connection, key, isShell, isDebugged, hasSource }: Wanted,
): Promise<ContainerChanges> {
  const terminal = isTerminal();
  const { Image, Cmd, Entrypoint, Env } = bodyOf(begun);
  // The code is this command's to bring.
  for (const each of begun.container.start?.adaptations ?? [])
    if (each.kind !== "code") say(`as in the run, ${describeAdaptation(each)}`);
  const image = await api.inspectImage(Image);
  const debug = isDebugged
    ? await pythonDebugger(begun.language, pythonPathOf(Env, image?.env ?? {}))
    : undefined;
  const env = debug?.env ?? {};
  const archives = debug === undefined ? [] : [debug.archive];
  if (!isShell && !hasSource) return { terminal, mounts: [], env, archives };
  return await withFilesOf(api, Image, async (filesOf) => {
    const { code } = begun;
    const workdir = image?.workdir ?? "";
    const source = hasSource
      ? await prepareSource({ api, connection, key, code, args: Cmd, workdir, image: Image, filesOf })
      : undefined;
    if (source !== undefined) say(source.note);
    const mounts = source?.mounts ?? [];
    if (!isShell) return { terminal, mounts, env, archives };
    const shell = await shellOf(api, filesOf);
    const { brought } = shell;
    if (brought !== undefined) say(`the image has no shell: this one is busybox from ${brought.from}`);
    const words = [...(Entrypoint ?? image?.entrypoint ?? []), ...Cmd];
    const { program, archive } = await shellInsteadOf(words, shell);
    const added = brought === undefined ? [archive] : [brought.archive, archive];
    return { terminal, mounts, program, env, archives: [...archives, ...added] };
  });
}

function say(line: string): void {
  process.stderr.write(`${line}\n`);
}

function attemptOf(text: string | undefined): { readonly attempt?: number } {
  if (text === undefined) return {};
  if (/^[1-9]\d*$/u.test(text)) return { attempt: Number(text) };
  throw new BoxkiteError(
    "CONFIG_INVALID",
    `--attempt is ${JSON.stringify(text)}, which is no number of an attempt`,
    {
      hint: "they are counted from 1",
    },
  );
}

function inputsOf(texts: unknown): Record<string, string> {
  return Object.fromEntries(
    ((texts ?? []) as readonly string[]).map((text) => {
      const [name = "", value] = text.split(/=(.*)/su, 2);
      if (name !== "" && value !== undefined) return [name, value];
      throw new BoxkiteError(
        "CONFIG_INVALID",
        `--set is ${JSON.stringify(text)}, which gives no input a value`,
        {
          hint: "write it like --set x=3",
        },
      );
    }),
  );
}
