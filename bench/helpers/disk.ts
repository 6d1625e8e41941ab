/** What the disk and SQLite alone can do: the denominators of everything durable. */
import { closeSync, fdatasyncSync, openSync, writeSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";

/** Milliseconds of each write of 4 KiB with its fdatasync. */
export function fdatasyncMs(directory: string, count: number): number[] {
  const file = openSync(join(directory, "fdatasync"), "w");
  const block = Buffer.alloc(4_096, 1);
  const times: number[] = [];
  try {
    for (let index = 0; index < count; index++) {
      writeSync(file, block);
      const start = performance.now();
      fdatasyncSync(file);
      times.push(performance.now() - start);
    }
  } finally {
    closeSync(file);
  }
  return times;
}

export interface CommitLoop {
  /** Milliseconds of `count` commits, each with this many pairs of an insert and an update. */
  run(count: number, rowsPerCommit: number): number[];
  close(): void;
}

/** A bare database with the store's pragmas; one row inserted and one updated per accepted call. */
export function openCommitLoop(directory: string): CommitLoop {
  const sqlite = new DatabaseSync(join(directory, "commits.sqlite"));
  sqlite.exec(`
    PRAGMA journal_mode = WAL;
    PRAGMA synchronous = FULL;
    CREATE TABLE rows (id INTEGER PRIMARY KEY, text TEXT NOT NULL, changes INTEGER NOT NULL) STRICT;
  `);
  const insert = sqlite.prepare("INSERT INTO rows (text, changes) VALUES (?, 0)");
  const update = sqlite.prepare("UPDATE rows SET changes = changes + 1 WHERE id = ?");
  const text = "x".repeat(200);
  return {
    run: (count, rowsPerCommit) => {
      const times: number[] = [];
      for (let index = 0; index < count; index++) {
        const start = performance.now();
        sqlite.exec("BEGIN IMMEDIATE");
        for (let row = 0; row < rowsPerCommit; row++) update.run(insert.run(text).lastInsertRowid);
        sqlite.exec("COMMIT");
        times.push(performance.now() - start);
      }
      return times;
    },
    close: () => sqlite.close(),
  };
}
