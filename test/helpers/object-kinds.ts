/** Objects of both kinds: those that are rows of a database, and those that are files. */
import { test, type TestContext } from "node:test";
import { mkdir, readdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { describe, etagOf } from "../../src/objects/directory/description.ts";
import { FORMAT_FILE } from "../../src/objects/directory/format.ts";
import { objectPath } from "../../src/objects/directory/key-path.ts";
import { OBJECT_FILES } from "../../src/objects/directory/object-files.ts";
import type { ObjectAttributes } from "../../src/objects/hosted-store.ts";
import { encodeSmall, MOST_SMALL_BYTES } from "../../src/objects/small/small-object.ts";
import { SMALL_OBJECTS_FILE } from "../../src/objects/small/small-objects.ts";

/** A content that begins with a text. */
export type ContentOf = (text: string) => Buffer;

export const asRow: ContentOf = (text) => Buffer.from(text);
export const asFile: ContentOf = (text) => Buffer.from(text.padEnd(MOST_SMALL_BYTES + 1));
/** Rows and files in turn. */
export function mixed(): ContentOf {
  let count = 0;
  return (text) => (count++ % 2 === 0 ? asRow : asFile)(text);
}

export const textOf = (content: Uint8Array): string => Buffer.from(content).toString().trimEnd();

/** A test that holds for rows and for files, and for what it makes of either. */
export function testKinds(what: string, run: (t: TestContext, contentOf: ContentOf) => Promise<void>): void {
  test(`${what}: rows`, (t) => run(t, asRow));
  test(`${what}: files`, (t) => run(t, asFile));
}

/** The database of small objects, and what says that there is one. */
export const isBookkeeping = (name: string): boolean =>
  name === FORMAT_FILE || name.startsWith(SMALL_OBJECTS_FILE);

/** Names of the other files in a store's directory. */
export async function namesOf(directory: string): Promise<string[]> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true });
  return entries.filter((entry) => entry.isFile() && !isBookkeeping(entry.name)).map((entry) => entry.name);
}

/** As an earlier version stored every object: a file, however small. Returns its path. */
export async function writeAsFile(
  directory: string,
  key: string,
  content: Uint8Array,
  attributes: ObjectAttributes = {},
  modifiedAt = Date.now(),
): Promise<string> {
  const { content: stored, trailer } = encodeSmall(content, (written) =>
    describe(key, { ...written, etag: etagOf(written), modifiedAt, attributes, checksum: undefined }),
  );
  const path = objectPath(join(directory, OBJECT_FILES), key);
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, Buffer.concat([stored, trailer]));
  return path;
}

/** Looks at the database of small objects, or changes it, as another process would. */
export function withRows<T>(directory: string, work: (database: DatabaseSync) => T): T {
  const database = new DatabaseSync(join(directory, SMALL_OBJECTS_FILE));
  try {
    return work(database);
  } finally {
    database.close();
  }
}

export function keysOfRows(directory: string): string[] {
  const rows = withRows(directory, (database) =>
    database.prepare("SELECT key FROM objects ORDER BY key").all(),
  );
  return rows.map(({ key }) => String(key));
}

/** Changes a byte of a row, counted through its content and its trailer. */
export function flipInRow(directory: string, key: string, at: number): void {
  withRows(directory, (database) => {
    const row = database.prepare("SELECT content, trailer FROM objects WHERE key = ?").get(key);
    const [content, trailer] = [row?.["content"] as Uint8Array, row?.["trailer"] as Uint8Array];
    const [piece, within] = at < content.length ? [content, at] : [trailer, at - content.length];
    piece[within] = (piece[within] ?? 0) ^ 0x10;
    database.prepare("UPDATE objects SET content = ?, trailer = ? WHERE key = ?").run(content, trailer, key);
  });
}

export function trailerOfRow(directory: string, key: string): string {
  const row = withRows(directory, (database) =>
    database.prepare("SELECT trailer FROM objects WHERE key = ?").get(key),
  );
  return Buffer.from(row?.["trailer"] as Uint8Array).toString("latin1");
}
