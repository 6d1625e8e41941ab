/** The name of an attempt as text, inside what is signed. */
import type { AttemptKey } from "../domain/attempt.ts";

export function nameOfAttempt({ project, domain, run, action, attempt }: AttemptKey): string {
  return [project, domain, run, action, attempt].join("/");
}

export function attemptOfName(name: string): AttemptKey {
  const [project = "", domain = "", run = "", action = "", attempt] = name.split("/");
  return { project, domain, run, action, attempt: Number(attempt) };
}
