/** What starts Python's debugger where a task raises: see programs/sitecustomize.py. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { rootArchive } from "../../containers/root-archive.ts";
import { BoxkiteError } from "../../domain/errors.ts";

const DIRECTORY = "/run/boxkite/pdb";
const MODULE = "sitecustomize.py";
const PATH_VARIABLE = "PYTHONPATH";

export interface Debugger {
  readonly env: Readonly<Record<string, string>>;
  readonly archive: Buffer;
}

/** `pythonPath`: what the container would have. Throws INVALID_ARGUMENT for a task of another language. */
export async function pythonDebugger(language: string, pythonPath: string | undefined): Promise<Debugger> {
  if (language !== "python")
    throw new BoxkiteError(
      "INVALID_ARGUMENT",
      `--pdb is Python's debugger, and this task is in ${language || "another language"}`,
      {
        hint: "use --shell, and start the task there as you debug it",
      },
    );
  const content = await readFile(join(import.meta.dirname, "programs", MODULE));
  return {
    env: { [PATH_VARIABLE]: pythonPath ? `${DIRECTORY}:${pythonPath}` : DIRECTORY },
    archive: await rootArchive({ files: { [`${DIRECTORY}/${MODULE}`]: content } }),
  };
}

/** The last one counts, as for a process. */
export function pythonPathOf(
  variables: readonly string[],
  ofImage: Readonly<Record<string, string>>,
): string | undefined {
  const prefix = `${PATH_VARIABLE}=`;
  return (
    variables.findLast((each) => each.startsWith(prefix))?.slice(prefix.length) ?? ofImage[PATH_VARIABLE]
  );
}
