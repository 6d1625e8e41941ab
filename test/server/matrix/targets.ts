/** What the calls of the matrix are about. */
import { DEMOTED, IN_PRODUCTION, NEIGHBOUR, OF_BETA, OWN, STARTED } from "./callers.ts";
import { ELSEWHERE, HOME, NOWHERE, PRODUCTION, type RunKey } from "./world.ts";

export interface Cell extends RunKey {
  readonly about: string;
  readonly exists: boolean;
}

const is = (about: string, key: RunKey): Cell => ({ ...key, about, exists: true });
const isNot = (about: string, key: RunKey): Cell => ({ ...key, about, exists: false });

const ABSENT = "r-absent";

export const RUNS: readonly Cell[] = [
  is("the run of the task", OWN),
  is("a run that it started", STARTED),
  is("another run of the project and domain", NEIGHBOUR),
  is("a run whose starter may only read now", DEMOTED),
  isNot("no run of the project and domain", { ...HOME, run: ABSENT }),
  is("a run of another domain", IN_PRODUCTION),
  isNot("no run of another domain", { ...PRODUCTION, run: ABSENT }),
  is("a run of another project", OF_BETA),
  isNot("no run of another project", { ...ELSEWHERE, run: ABSENT }),
  isNot("no project", { ...NOWHERE, run: ABSENT }),
];

/** `run` is ignored. */
export const PLACES: readonly Cell[] = [
  is("the project and domain", { ...HOME, run: ABSENT }),
  is("another domain", { ...PRODUCTION, run: ABSENT }),
  is("another project", { ...ELSEWHERE, run: ABSENT }),
  isNot("no project", { ...NOWHERE, run: ABSENT }),
];

export const SERVER: readonly Cell[] = [is("the server", { ...HOME, run: ABSENT })];

/** Without what tells one place and run from another. */
export function withoutNames(text: string, { project, domain }: RunKey): string {
  return text
    .replaceAll(new RegExp(`\\b${project}\\b`, "gu"), "PROJECT")
    .replaceAll(new RegExp(`\\b${domain}\\b`, "gu"), "DOMAIN")
    .replaceAll(/\b(?:r|new)-\w+/gu, "NAME");
}
