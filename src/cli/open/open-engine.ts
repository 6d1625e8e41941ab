/** The engine of this machine whose containers a command opens. */
import type { EngineApi } from "../../containers/api.ts";
import { findEngine, type EnginePreference, type FoundEngine } from "../../containers/find.ts";
import { BoxkiteError } from "../../domain/errors.ts";
import { createLogger } from "../../lib/log.ts";
import { invalidSetting } from "../check-setting.ts";
import type { CommandInput } from "../command.ts";
import { findSetting, readSettingsFile } from "../settings-file.ts";

const ENGINES: readonly EnginePreference[] = ["auto", "podman", "docker"];

/** The setting `engine`. Throws CONFIG_INVALID, also for the engine `process`. */
export async function readEnginePreference(input: CommandInput): Promise<EnginePreference> {
  const asked = findSetting("engine", input, await readSettingsFile(input)) ?? { value: "auto", origin: "" };
  const engine = ENGINES.find((name) => name === asked.value);
  if (engine !== undefined) return engine;
  if (asked.value === "process") throw noContainers();
  throw invalidSetting(asked, `one of ${ENGINES.join(", ")}`);
}

export function noContainers(): BoxkiteError {
  return new BoxkiteError("CONFIG_INVALID", "with --engine process tasks run in no container", {
    hint: "they are processes of this machine: run the program of the task here, or the server with boxkite up --engine podman",
  });
}

/** Throws ENGINE_UNREACHABLE. */
export async function withEngine<T>(
  preference: EnginePreference,
  env: NodeJS.ProcessEnv,
  use: (api: EngineApi) => Promise<T>,
): Promise<T> {
  const found: FoundEngine = await findEngine({ preference, env, log: createLogger({ level: "warn" }) });
  try {
    return await use(found.api);
  } finally {
    await found.close();
  }
}
