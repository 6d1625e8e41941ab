/** `boxkite shell`: a shell in the container of an action that runs. */
import { shellOf } from "../../containers/static-shell.ts";
import type { Command, CommandInput } from "../command.ts";
import { createLogger } from "../../lib/log.ts";
import { parseActionName } from "./action-name.ts";
import { runOnTerminal, terminalFlags } from "./on-terminal.ts";
import { readEnginePreference, withEngine } from "./open-engine.ts";
import { findRunningContainer } from "./running-container.ts";

export const shell: Command = {
  name: "shell",
  summary: "open a shell, or run a command, in the container of a running action",
  positionals: ["RUN[/ACTION]"],
  rest: "[-- COMMAND…]",
  options: {
    project: { type: "string", value: "NAME", help: "of the run, where several have one of this name" },
    domain: { type: "string", value: "NAME", help: "of the run" },
    engine: { type: "string", value: "NAME", help: "auto, podman or docker (auto)" },
    config: { type: "string", value: "FILE", help: "the server's settings file, for its engine" },
  },
  run,
};

/** The exit code is that of the shell or of the command. */
async function run(input: CommandInput): Promise<number> {
  const { values, positionals, rest = [], env } = input;
  const name = parseActionName(positionals[0], "shell");
  const preference = await readEnginePreference(input);
  return await withEngine(preference, env, async (api) => {
    const [project, domain] = [values["project"], values["domain"]] as (string | undefined)[];
    const log = createLogger({ level: "warn" });
    const id = await findRunningContainer(api, { ...name, project, domain }, log);
    const command = rest.length > 0 ? rest : await openShell();
    return await runOnTerminal(api, ["exec", ...terminalFlags(), id, ...command], env);

    async function openShell(): Promise<readonly string[]> {
      const { command: found, brought } = await shellOf(api, id);
      if (brought === undefined) return found;
      await api.putArchive(id, brought.archive);
      process.stderr.write(`the image has no shell: this one is busybox from ${brought.from}\n`);
      return found;
    }
  });
}
