/** Where a server keeps what workers need, below the directory of its data. */
import { dirname, join } from "node:path";

const DIRECTORIES = "directories";
const ASSIGNMENTS = "assignments";

/** `directories`: of the workers themselves, one each. */
export function workerDirectories(dataDirectory: string): {
  readonly directories: string;
  readonly assignments: string;
} {
  const parent = join(dataDirectory, "workers");
  return { directories: join(parent, DIRECTORIES), assignments: join(parent, ASSIGNMENTS) };
}

/** `directory`: of a worker. */
export function assignmentsBeside(directory: string): string {
  return join(dirname(dirname(directory)), ASSIGNMENTS);
}
