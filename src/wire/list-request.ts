/** List requests to queries: filters, sort, token. */
import { BoxkiteError } from "../domain/errors.ts";
import type { Comparison, ListFilter, ListQuery } from "../domain/list.ts";
import { quoted } from "../domain/text.ts";
import {
  Filter_Function,
  Sort_Direction,
  type Filter,
  type ListRequest,
  type Sort,
} from "./gen/flyteidl2/common/list_pb.js";
import { decodeActionType, decodePhase } from "./phase.ts";

const DEFAULT_LIMIT = 100;

const COMPARISONS: Readonly<Record<Filter_Function, Comparison | undefined>> = {
  [Filter_Function.EQUAL]: "=",
  [Filter_Function.NOT_EQUAL]: "!=",
  [Filter_Function.GREATER_THAN]: ">",
  [Filter_Function.GREATER_THAN_OR_EQUAL]: ">=",
  [Filter_Function.LESS_THAN]: "<",
  [Filter_Function.LESS_THAN_OR_EQUAL]: "<=",
  [Filter_Function.CONTAINS]: "contains",
  [Filter_Function.VALUE_IN]: "in",
  [Filter_Function.VALUE_NOT_IN]: "notin",
  [Filter_Function.ENDS_WITH]: "endswith",
  [Filter_Function.NOT_ENDS_WITH]: undefined,
  [Filter_Function.CONTAINS_CASE_INSENSITIVE]: "icontains",
  [Filter_Function.EXISTS]: "exists",
  [Filter_Function.NOT_EXISTS]: "notexists",
};

/** Fields that hold milliseconds since the epoch; clients send RFC 3339. */
const TIMES = new Set(["created_at", "updated_at", "deployed_at", "start_time", "end_time"]);

/** Throws INVALID_ARGUMENT or FIELD_NOT_SUPPORTED. */
export function decodeListRequest(request: ListRequest | undefined): ListQuery {
  if (request && request.rawFilters.length > 0) {
    throw new BoxkiteError(
      "FIELD_NOT_SUPPORTED",
      "the list is filtered by an expression, which this server does not evaluate",
      {
        hint: "use filters of one field each",
      },
    );
  }
  const sort = request?.sortBy ?? request?.sortByFields[0];
  if (request && request.sortByFields.length + (request.sortBy ? 1 : 0) > 1) {
    throw new BoxkiteError("FIELD_NOT_SUPPORTED", "the list is to be in more than one order", {
      hint: "sort by one field",
    });
  }
  return {
    limit: request?.limit || DEFAULT_LIMIT,
    token: request?.token ?? "",
    where: (request?.filters ?? []).map(decodeFilter),
    ...decodeSort(sort),
  };
}

export function decodeSort(sort: Sort | undefined): Pick<ListQuery, "sort"> {
  if (sort === undefined || sort.key === "") return {};
  return { sort: { field: sort.key, ascending: sort.direction === Sort_Direction.ASCENDING } };
}

function decodeFilter(filter: Filter): ListFilter {
  const comparison = COMPARISONS[filter.function];
  if (comparison === undefined) {
    const name = Filter_Function[filter.function] ?? filter.function;
    throw new BoxkiteError(
      "FIELD_NOT_SUPPORTED",
      `the filter on ${filter.field} uses ${name}, which this server does not know`,
      { hint: "compare with another function, EQUAL or CONTAINS for one" },
    );
  }
  return { field: filter.field, comparison, values: valuesOf(filter) };
}

function valuesOf(filter: Filter): (string | number)[] {
  if (filter.field === "phase") return phasesOf(filter);
  if (filter.field === "action_type")
    return filter.values.map((text) => decodeActionType(Number(text)) ?? text);
  if (TIMES.has(filter.field)) return filter.values.map((text) => timeOf(filter.field, text));
  return [...filter.values];
}

/**
 * Phases come as their numbers. With one phase the stock SDK (2.12.1) sets the list to the number's
 * text, which protobuf takes as a list of characters: "10" arrives as "1", "0".
 */
function phasesOf(filter: Filter): string[] {
  const single = filter.function === Filter_Function.EQUAL || filter.function === Filter_Function.NOT_EQUAL;
  return (single ? [filter.values.join("")] : filter.values).map((text) => {
    const phase = decodePhase(Number(text));
    if (phase === undefined)
      throw new BoxkiteError("INVALID_ARGUMENT", `there is no phase ${quoted(text)}`, {
        hint: "use one of the phases of the SDK: queued, running, succeeded, failed, aborted, …",
      });
    return phase;
  });
}

/** Keeps the part below a millisecond, so that a change within the same millisecond counts as earlier, not later. */
function timeOf(field: string, text: string): number {
  const ms = Date.parse(text);
  if (Number.isNaN(ms))
    throw new BoxkiteError("INVALID_ARGUMENT", `the filter on ${field} has no time: ${quoted(text)}`, {
      hint: "write it as 2026-01-31T12:00:00Z",
    });
  const beyond = /\.\d{3}(\d+)/u.exec(text)?.[1];
  return beyond === undefined ? ms : ms + Number(`0.${beyond}`);
}
