/** One SQLite database: opening, prepared statements, and writes that share commits. */
import type { SQLInputValue, StatementSync } from "node:sqlite";
import { createFileGuard } from "./file-guard.ts";
import { openFile, type DatabaseFile } from "./open-file.ts";
import { explained, isDiskFull } from "./sqlite-error.ts";

export type Row = Record<string, SQLInputValue>;

/**
 * `sql` is compiled once and kept. A parameter that SQLite would plan by has a sign before it, as in `LIMIT +?`: else the statement
 * is compiled again at each call, which takes ten times as long as a small query (in sqlite3.c: `sqlite3VdbeSetVarmask`).
 */
export interface Database {
  get(sql: string, ...values: SQLInputValue[]): Row | undefined;
  all(sql: string, ...values: SQLInputValue[]): Row[];
  run(sql: string, ...values: SQLInputValue[]): { changes: number; lastId: number };
  /**
   * Runs `work` inside a transaction and resolves with its result once that is on disk. Calls that come together share one
   * commit, and so do those that come within 10 ms, or as long as the last commit took (100 ms at most), while the event loop is
   * busy; if `work` throws, only its own changes are undone. It may be called twice: what it does outside of the database must
   * not matter.
   */
  write<T>(work: () => T): Promise<T>;
  /** A value that `read` reads at most once in each transaction, until it is told to forget it. Only for use inside of `write`. */
  ofTransaction<T>(read: () => T): { readonly value: T; forget(): void };
  /** Throws DATA_DIRECTORY_UNUSABLE where the file was removed, moved or replaced since it was opened. */
  check(): void;
  close(): void;
}

interface Job {
  readonly work: () => unknown;
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * How long a change waits for others to share its commit while the process has other things to do: a commit blocks it for as long
 * as the disk takes, which is more than most changes. On a slow disk, as long as the last commit took: else they would block it
 * nearly always.
 */
const GATHER_MS = 10;
const MOST_GATHER_MS = 100;
/** A turn of the event loop that took less did nothing. */
const IDLE_TURN_MS = 0.05;

/** Cached prepared statements: enough for all fixed ones and the most common lists (lists.ts). */
const MAX_STATEMENTS = 500;

/** Throws DATA_DIRECTORY_UNUSABLE for a file that is damaged, cannot be opened, or was written by a newer version. */
export function openDatabase(of: DatabaseFile): Database {
  const sqlite = openFile(of);
  const check = createFileGuard(of);

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
  let gatherMs = GATHER_MS;
  let closed = false;

  /** Commits once there is nothing else to do, or the first change has waited long enough. */
  const gather = (since: number, lastTurn = Number.NEGATIVE_INFINITY) => {
    const now = performance.now();
    if (now - lastTurn < IDLE_TURN_MS || now - since >= gatherMs) flush();
    else setImmediate(gather, since, now);
  };

  const flush = () => {
    const batch = jobs;
    jobs = [];
    if (batch.length === 0) return;
    let settle: (() => void)[];
    try {
      check();
      begin();
      try {
        settle = batch.map(perform);
      } catch (error) {
        // The changes of a job that has the commit for itself are undone with the transaction.
        if (batch.length === 1) throw error;
        // Rare: savepoints for all cost more than to do all again.
        rollBack();
        begin();
        settle = batch.map(performBesideOthers);
      }
      commit();
    } catch (error) {
      // The only job failed, or the commit itself, e.g. the disk is full: no change of the batch is on disk.
      try {
        rollBack();
      } finally {
        for (const job of batch) job.reject(explained(error, of));
      }
      if (isDiskFull(error)) shrinkLog();
      return;
    }
    for (const done of settle) done();
  };

  let transactions = 0;
  const begin = () => {
    transactions++;
    prepared("BEGIN IMMEDIATE").run();
  };
  const commit = () => {
    const start = performance.now();
    prepared("COMMIT").run();
    gatherMs = Math.min(Math.max(performance.now() - start, GATHER_MS), MOST_GATHER_MS);
  };
  const rollBack = () => {
    // Some errors have ended the transaction.
    if (sqlite.isTransaction) prepared("ROLLBACK").run();
  };

  /** The log keeps the space that it took, also for what failed. */
  const shrinkLog = () => {
    try {
      prepared("PRAGMA wal_checkpoint(TRUNCATE)").get();
    } catch {
      // Where the database cannot grow, the log remains as it is until there is space again.
    }
  };

  const perform = (job: Job): (() => void) => {
    const result = job.work();
    return () => job.resolve(result);
  };

  const performBesideOthers = (job: Job): (() => void) => {
    prepared("SAVEPOINT job").run();
    try {
      const done = perform(job);
      prepared("RELEASE job").run();
      return done;
    } catch (error) {
      // A full disk, for one, has ended the transaction, and with it what the others had changed.
      if (!sqlite.isTransaction) throw error;
      prepared("ROLLBACK TO job").run();
      prepared("RELEASE job").run();
      return () => job.reject(explained(error, of));
    }
  };

  const read = <T>(work: () => T): T => {
    try {
      check();
      return work();
    } catch (error) {
      throw explained(error, of);
    }
  };

  return {
    get: (sql, ...values) => read(() => prepared(sql).get(...values) as Row | undefined),
    all: (sql, ...values) => read(() => prepared(sql).all(...values) as Row[]),
    run: (sql, ...values) => {
      const result = prepared(sql).run(...values);
      return { changes: Number(result.changes), lastId: Number(result.lastInsertRowid) };
    },
    write: <T>(work: () => T) =>
      new Promise<T>((resolve, reject) => {
        if (closed) {
          reject(new Error(`${of.name} is closed`));
          return;
        }
        if (jobs.length === 0) setImmediate(gather, performance.now());
        jobs.push({ work, resolve: resolve as (value: unknown) => void, reject });
      }),
    ofTransaction: <T>(first: () => T) => {
      let known: { readonly transaction: number; readonly value: T } | undefined;
      return {
        get value() {
          if (known?.transaction !== transactions) known = { transaction: transactions, value: first() };
          return known.value;
        },
        forget: () => (known = undefined),
      };
    },
    check,
    close: () => {
      if (closed) return;
      flush();
      closed = true;
      sqlite.close();
    },
  };
}
