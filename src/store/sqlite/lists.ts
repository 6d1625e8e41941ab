/**
 * Lists with filters, a sort and a limit: the only SQL that is composed at run time. Fields come
 * from a fixed table per list; values are always bound. A token continues from a key, not from an offset, so that
 * rows added meanwhile neither repeat nor hide others.
 */
import type { SQLInputValue } from "node:sqlite";
import { BoxkiteError } from "../../domain/errors.ts";
import type { Comparison, ListFilter, ListQuery, ListResult } from "../../domain/list.ts";
import { ownValue } from "../../domain/own-value.ts";
import type { Database, Row } from "../../sqlite/database.ts";

export interface ListShape {
  /** `SELECT … FROM … WHERE` is made from these. */
  readonly columns: string;
  readonly from: string;
  readonly where: readonly string[];
  readonly values: readonly SQLInputValue[];
  /** Public field → SQL expression that is never null. */
  readonly fields: Readonly<Record<string, string>>;
  /** For fields with a parameter, such as `labels.team`. */
  readonly dynamicField?: (
    field: string,
  ) => { readonly sql: string; readonly values: readonly SQLInputValue[] } | undefined;
  /** The row's unique integer, which breaks ties. */
  readonly id: string;
  readonly defaultSort: { readonly field: string; readonly ascending: boolean };
}

/** Of one answer; a token leads to the rest. */
const MAX_ROWS = 1_000;

export function readList<T>(
  database: Database,
  shape: ListShape,
  query: ListQuery,
  decode: (row: Row) => T,
): ListResult<T> {
  const sort = query.sort ?? shape.defaultSort;
  const sortSql = ownValue(shape.fields, sort.field);
  if (sortSql === undefined) throw unknownField("sort", sort.field, shape);
  const where = [...shape.where];
  const values = [...shape.values];
  for (const condition of query.where) {
    const made = conditionSql(condition, shape);
    where.push(made.sql);
    values.push(...made.values);
  }
  if (query.token !== "") {
    const [value, id] = decodeToken(query.token);
    where.push(`(${sortSql}, ${shape.id}) ${sort.ascending ? ">" : "<"} (?, ?)`);
    values.push(value, id);
  }
  const direction = sort.ascending ? "ASC" : "DESC";
  const limit = Math.min(Math.max(query.limit, 1), MAX_ROWS);
  const rows = database.all(
    `SELECT ${shape.columns}, ${sortSql} AS sort_value, ${shape.id} AS sort_id FROM ${shape.from}
     WHERE ${where.join(" AND ") || "TRUE"} ORDER BY ${sortSql} ${direction}, ${shape.id} ${direction} LIMIT +?`,
    ...values,
    // One more row than requested shows whether there are further ones.
    limit + 1,
  );
  const last = rows.length > limit ? rows[limit - 1] : undefined;
  return { items: rows.slice(0, limit).map(decode), token: last === undefined ? "" : encodeToken(last) };
}

function conditionSql(condition: ListFilter, shape: ListShape): { sql: string; values: SQLInputValue[] } {
  const known = ownValue(shape.fields, condition.field);
  const dynamic = known === undefined ? shape.dynamicField?.(condition.field) : undefined;
  const field = known ?? dynamic?.sql;
  if (field === undefined) throw unknownField("filter", condition.field, shape);
  const before = [...(dynamic?.values ?? [])];
  const single = (sql: string, value: SQLInputValue) => ({ sql, values: [...before, value] });
  const { comparison, values } = condition;
  switch (comparison) {
    case "exists":
      return { sql: `${field} IS NOT NULL`, values: before };
    case "notexists":
      return { sql: `${field} IS NULL`, values: before };
    case "in":
    case "notin": {
      const operator = comparison === "in" ? "IN" : "NOT IN";
      // One value, so that the statement is the same for every length of the list.
      return single(`${field} ${operator} (SELECT value FROM json_each(?))`, JSON.stringify(values));
    }
    case "contains":
      return single(`instr(${field}, ?) > 0`, only(condition));
    case "icontains":
      return single(`instr(lower(${field}), lower(?)) > 0`, only(condition));
    case "endswith": {
      const value = only(condition);
      return { sql: `substr(${field}, -length(?)) = ?`, values: [...before, value, value] };
    }
    default:
      return single(`${field} ${SQL_OPERATORS[comparison]} ?`, only(condition));
  }
}

const SQL_OPERATORS = {
  "=": "=",
  "!=": "<>",
  ">": ">",
  ">=": ">=",
  "<": "<",
  "<=": "<=",
} as const satisfies Partial<Record<Comparison, string>>;

function only(condition: ListFilter): string | number {
  const [value, ...more] = condition.values;
  if (value === undefined || more.length > 0) {
    throw new BoxkiteError(
      "INVALID_ARGUMENT",
      `the filter on ${condition.field} needs exactly one value, not ${condition.values.length}`,
    );
  }
  return value;
}

function unknownField(what: string, field: string, shape: ListShape): BoxkiteError {
  return new BoxkiteError(
    "INVALID_ARGUMENT",
    `this list has no field ${JSON.stringify(field)} to ${what} by`,
    {
      hint: `use one of: ${Object.keys(shape.fields).join(", ")}`,
    },
  );
}

function encodeToken(row: Row): string {
  return Buffer.from(JSON.stringify([row["sort_value"], row["sort_id"]])).toString("base64url");
}

function decodeToken(token: string): [SQLInputValue, number] {
  try {
    const parsed: unknown = JSON.parse(Buffer.from(token, "base64url").toString());
    if (Array.isArray(parsed) && parsed.length === 2 && typeof parsed[1] === "number") {
      return [parsed[0] as SQLInputValue, parsed[1]];
    }
  } catch {
    // Reported below: the token is not one that a list returned.
  }
  throw new BoxkiteError("INVALID_ARGUMENT", "the page token is not one that this server gave");
}
