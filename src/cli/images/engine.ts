/** The engine that a command of `boxkite images` uses. */
import type { Platform } from "../../platform/platform.ts";
import { choosePlatform } from "../../platform/choose.ts";
import { invalidSetting } from "../check-setting.ts";
import type { CommandInput } from "../command.ts";
import { findSetting, readSettingsFile } from "../settings-file.ts";

const ENGINES = ["auto", "podman", "docker"] as const;

/** Throws CONFIG_INVALID or ENGINE_UNREACHABLE. */
export async function chooseEngine(input: CommandInput): Promise<Platform> {
  const file = await readSettingsFile(input);
  const asked = findSetting("engine", input, file) ?? { value: "auto", origin: "" };
  const engine = ENGINES.find((name) => name === asked.value);
  if (engine !== undefined)
    return choosePlatform({ engine, python: undefined, registries: file.registries }, input.env);
  throw invalidSetting(asked, `one of ${ENGINES.join(", ")}`);
}
