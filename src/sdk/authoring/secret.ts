import { readFileSync } from "node:fs";
import { join } from "node:path";
import { currentEnvironment } from "./context.ts";
import { secretVariable, type SecretRequest } from "./options.ts";

const MOUNT = "/etc/flyte/secrets";

/**
 * The value of a secret that the task's environment, or the task, asked for. In local mode it is
 * read from the environment variable of the same name. Throws if there is none.
 */
export function secret(request: string | SecretRequest): string {
  const wanted = typeof request === "string" ? { key: request } : request;
  const variable = secretVariable(wanted);
  const value = variable === undefined ? undefined : currentEnvironment()[variable];
  if (value !== undefined) return value;
  const path = wanted.group === undefined ? join(MOUNT, wanted.key) : join(MOUNT, wanted.group, wanted.key);
  try {
    return readFileSync(path, "utf8");
  } catch (cause) {
    throw new Error(
      `the secret ${wanted.key} is neither in ${variable ?? "a variable"} nor in ${path}; is it in \`secrets\`?`,
      {
        cause,
      },
    );
  }
}
