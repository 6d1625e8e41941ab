/** Queries of lists: filters, order and position. */
import type { ActionRecord } from "./action-record.ts";
import type { ProjectKey } from "./ids.ts";
import type { RunRecord } from "./run.ts";

export type Comparison =
  | "="
  | "!="
  | ">"
  | ">="
  | "<"
  | "<="
  | "contains"
  | "icontains"
  | "endswith"
  | "in"
  | "notin"
  | "exists"
  | "notexists";

export interface ListFilter {
  /** A field of the list; an unknown one is refused. */
  readonly field: string;
  readonly comparison: Comparison;
  readonly values: readonly (string | number)[];
}

export interface ListQuery {
  readonly limit: number;
  /** From the page before; empty for the first. */
  readonly token: string;
  readonly where: readonly ListFilter[];
  readonly sort?: { readonly field: string; readonly ascending: boolean } | undefined;
}

export interface ListResult<T> {
  readonly items: readonly T[];
  /** Empty when there is no further page. */
  readonly token: string;
}

/** Which runs a list or a watch is about; fields that are not set do not narrow it. */
export interface RunScope extends Partial<ProjectKey> {
  readonly taskName?: string;
  readonly taskVersion?: string;
}

export interface ListedRun {
  readonly run: RunRecord;
  readonly root: ActionRecord;
}
