/** The program of a task's container, and the shell that is started there instead of it. */
import { rootArchive } from "../../containers/root-archive.ts";
import { STATIC_SHELL_DIRECTORY, type ContainerShell } from "../../containers/static-shell.ts";

/** Runs the task's program. */
export const RUN_COMMAND = `${STATIC_SHELL_DIRECTORY}/run`;
const SHELL_COMMAND = `${STATIC_SHELL_DIRECTORY}/shell`;

export interface InsteadOfTask {
  readonly program: readonly string[];
  readonly archive: Buffer;
}

/** `words`: the task's program with its arguments. */
export async function shellInsteadOf(
  words: readonly string[],
  { command }: ContainerShell,
): Promise<InsteadOfTask> {
  const [interpreter = "", ...more] = command;
  // Of a static shell, which is a program of busybox: one argument is what a script may give its interpreter.
  const first = more.length === 0 ? `#!${interpreter}` : `#!${interpreter} ${more[0] ?? ""}`;
  return {
    program: [SHELL_COMMAND],
    archive: await rootArchive({
      programs: {
        [RUN_COMMAND]: `${first}\nexec ${quoted(words)} "$@"\n`,
        [SHELL_COMMAND]: `${first}\nexec ${quoted(command)}\n`,
      },
    }),
  };
}

function quoted(words: readonly string[]): string {
  return words.map((word) => `'${word.replaceAll("'", `'\\''`)}'`).join(" ");
}
