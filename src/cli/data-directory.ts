/** Which data directory a command is about. */
import { defaultDataDirectory } from "../server/data-directory.ts";
import type { CommandInput } from "./command.ts";
import { findSetting, type SettingsFile } from "./settings-file.ts";

/** The setting `data`, else the user's own. */
export function dataDirectory(input: CommandInput, file: SettingsFile): string {
  return findSetting("data", input, file)?.value ?? defaultDataDirectory(input.env);
}
