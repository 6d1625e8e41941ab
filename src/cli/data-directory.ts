/** Which data directory a command is about, and the store in it. */
import { join } from "node:path";
import { BoxkiteError } from "../domain/errors.ts";
import { defaultDataDirectory } from "../server/data-directory.ts";
import { hasStore, STORE_FILE } from "../server/store-file.ts";
import { openSqliteStore } from "../store/sqlite/sqlite-store.ts";
import type { Store } from "../store/store.ts";
import type { CommandInput } from "./command.ts";
import { findPath, type SettingsFile } from "./settings-file.ts";

/** The setting `data`, else the user's own. Throws CONFIG_INVALID for an empty one. */
export function dataDirectory(input: CommandInput, file: SettingsFile): string {
  return findPath("data", input, file)?.value ?? defaultDataDirectory(input.env);
}

/** Beside a running server: several processes may open one SQLite file. */
export async function openStoreIn(directory: string): Promise<Store> {
  if (await hasStore(directory)) return openSqliteStore(join(directory, STORE_FILE));
  throw noDataDirectory(directory);
}

export function noDataDirectory(directory: string): BoxkiteError {
  return new BoxkiteError("CONFIG_INVALID", `${directory} is no data directory of a server`, {
    hint: "name it with --data; it is made by boxkite up",
  });
}
