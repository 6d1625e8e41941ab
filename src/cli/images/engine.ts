/** The engine that a command of `boxkite images` works with. */
import { BoxkiteError } from "../../domain/errors.ts";
import { chooseExecutor, type ExecutorChoice } from "../../executors/choose.ts";
import type { CommandInput } from "../command.ts";

const ENGINES = ["auto", "podman", "docker"] as const;

/** Throws CONFIG_INVALID or ENGINE_UNREACHABLE. */
export function chooseEngine({ values, env }: CommandInput): Promise<ExecutorChoice> {
  const engine = ENGINES.find((name) => name === (values["engine"] ?? "auto"));
  if (engine !== undefined) return chooseExecutor({ engine, python: undefined }, env);
  throw new BoxkiteError("CONFIG_INVALID", `--engine must be one of ${ENGINES.join(", ")}`);
}
