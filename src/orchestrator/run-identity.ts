/** Each run has credentials of its own for the object store: derived, so there is nothing to store. */
import { createHmac } from "node:crypto";
import type { RunKey } from "../domain/ids.ts";

export interface Credentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
}

export interface RunIdentities {
  credentialsOf(run: RunKey): Credentials;
  secretOf(accessKeyId: string): string;
  /** The run that an access key id belongs to, if it is one of a run. */
  runOf(accessKeyId: string): RunKey | undefined;
}

const PREFIX = "run-";

export function createRunIdentities(serverSecret: string): RunIdentities {
  const secretOf = (accessKeyId: string) =>
    createHmac("sha256", serverSecret).update(`object-store:${accessKeyId}`).digest("base64url");
  return {
    secretOf,
    credentialsOf: (run) => {
      const text = `${run.project}/${run.domain}/${run.run}`;
      // The id stands between slashes in a signature's scope, so it must not hold any itself.
      const accessKeyId = `${PREFIX}${Buffer.from(text).toString("base64url")}`;
      return { accessKeyId, secretAccessKey: secretOf(accessKeyId) };
    },
    runOf: (accessKeyId) => {
      if (!accessKeyId.startsWith(PREFIX)) return undefined;
      const parts = Buffer.from(accessKeyId.slice(PREFIX.length), "base64url").toString().split("/");
      const [project, domain, run] = parts;
      if (parts.length !== 3 || !project || !domain || !run) return undefined;
      return { project, domain, run };
    },
  };
}
