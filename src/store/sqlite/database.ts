/** One SQLite database: opening, prepared statements, and writes that share commits. */
import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync, type SQLInputValue, type StatementSync } from "node:sqlite";
import { BoxkiteError } from "../../domain/errors.ts";

export type Row = Record<string, SQLInputValue>;

export interface Database {
  get(sql: string, ...values: SQLInputValue[]): Row | undefined;
  all(sql: string, ...values: SQLInputValue[]): Row[];
  run(sql: string, ...values: SQLInputValue[]): { changes: number; lastId: number };
  /**
   * Runs `work` inside a transaction and resolves with its result once that is on disk. Calls made in
   * the same turn of the event loop share one commit; if `work` throws, only its own changes are
   * undone.
   */
  write<T>(work: () => T): Promise<T>;
  close(): void;
}

interface Job {
  readonly work: () => unknown;
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: unknown) => void;
}

/** Prepared ones that are kept: all that are written down, and the commoner lists (paging.ts). */
const MAX_STATEMENTS = 500;

/** `file` may be `:memory:`. */
export function openDatabase(file: string): Database {
  const sqlite = new DatabaseSync(file);
  sqlite.exec(`
    PRAGMA journal_mode = WAL;
    PRAGMA synchronous = FULL;
    PRAGMA foreign_keys = ON;
    PRAGMA busy_timeout = 5000;
    PRAGMA temp_store = MEMORY;
  `);
  migrate(sqlite);

  const statements = new Map<string, StatementSync>();
  const prepared = (sql: string): StatementSync => {
    let statement = statements.get(sql);
    if (statement === undefined) {
      const [oldest] = statements.keys();
      if (oldest !== undefined && statements.size >= MAX_STATEMENTS) statements.delete(oldest);
      statement = sqlite.prepare(sql);
      statements.set(sql, statement);
    }
    return statement;
  };

  let jobs: Job[] = [];
  let closed = false;

  const flush = () => {
    const batch = jobs;
    jobs = [];
    if (batch.length === 0) return;
    const settle: (() => void)[] = [];
    try {
      prepared("BEGIN IMMEDIATE").run();
      for (const job of batch) settle.push(attempt(job));
      prepared("COMMIT").run();
    } catch (error) {
      // The commit itself failed, e.g. the disk is full: nobody's change is on disk.
      if (sqlite.isTransaction) prepared("ROLLBACK").run();
      for (const job of batch) job.reject(explainWriteError(error, file));
      return;
    }
    for (const done of settle) done();
  };

  const attempt = (job: Job): (() => void) => {
    prepared("SAVEPOINT job").run();
    try {
      const result = job.work();
      prepared("RELEASE job").run();
      return () => job.resolve(result);
    } catch (error) {
      prepared("ROLLBACK TO job").run();
      prepared("RELEASE job").run();
      return () => job.reject(explainWriteError(error, file));
    }
  };

  return {
    get: (sql, ...values) => prepared(sql).get(...values) as Row | undefined,
    all: (sql, ...values) => prepared(sql).all(...values) as Row[],
    run: (sql, ...values) => {
      const result = prepared(sql).run(...values);
      return { changes: Number(result.changes), lastId: Number(result.lastInsertRowid) };
    },
    write: <T>(work: () => T) =>
      new Promise<T>((resolve, reject) => {
        if (closed) {
          reject(new Error("the store is closed"));
          return;
        }
        if (jobs.length === 0) setImmediate(flush);
        jobs.push({ work, resolve: resolve as (value: unknown) => void, reject });
      }),
    close: () => {
      if (closed) return;
      flush();
      closed = true;
      sqlite.close();
    },
  };
}

/** SQLITE_FULL, https://www.sqlite.org/rescode.html#full. */
const SQLITE_FULL = 13;

/** Says in words that the disk is full. Other errors stay as they are. */
function explainWriteError(error: unknown, file: string): unknown {
  if (!(error instanceof Error) || !("errcode" in error) || error.errcode !== SQLITE_FULL) return error;
  return new BoxkiteError("DISK_FULL", `cannot write to ${file}: its disk is full`, {
    cause: error,
    hint: `free some room: df -h ${file}`,
  });
}

/** Applies the numbered migrations that this database has not seen, each in a transaction of its own. */
function migrate(sqlite: DatabaseSync): void {
  const directory = join(import.meta.dirname, "migrations");
  const files = readdirSync(directory)
    .filter((name) => name.endsWith(".sql"))
    .toSorted();
  const version = Number((sqlite.prepare("PRAGMA user_version").get() as Row)["user_version"]);
  if (version > files.length) {
    throw new BoxkiteError(
      "DATA_DIRECTORY_UNUSABLE",
      `the store was written by a newer version (its schema is ${version}, this program knows ${files.length})`,
      { hint: "run the newer version, or name another data directory with --data" },
    );
  }
  for (let index = version; index < files.length; index++) {
    const sql = readFileSync(join(directory, files[index] as string), "utf8");
    sqlite.exec(`BEGIN IMMEDIATE;\n${sql}\nPRAGMA user_version = ${index + 1};\nCOMMIT;`);
  }
}
