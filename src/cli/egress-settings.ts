/** The section `egress` of the settings file. */
import { BoxkiteError, messageOf } from "../domain/errors.ts";
import type { Registries } from "../images/registry/registries.ts";
import { createEgressAllowance, type EgressAllowance } from "../lib/egress-allowance.ts";
import { mappingOf, refuseUnknown } from "./setting-values.ts";

/** Registries that the settings file names are allowed, too. Throws CONFIG_INVALID naming the setting. */
export function readEgress(value: unknown, registries: Registries): EgressAllowance {
  const settings = mappingOf(value, "egress");
  refuseUnknown(settings, ["allow"], "egress");
  const allow: unknown = settings["allow"] ?? [];
  if (!Array.isArray(allow) || !allow.every((entry) => typeof entry === "string"))
    throw invalid(`is ${JSON.stringify(allow)}; it must be a list of texts`);
  try {
    return createEgressAllowance([...registries.keys(), ...allow]);
  } catch (error) {
    throw invalid(`has an entry that is wrong: ${messageOf(error)}`);
  }
}

function invalid(what: string): BoxkiteError {
  return new BoxkiteError("CONFIG_INVALID", `egress: allow ${what}`, {
    hint: 'for example: egress: {allow: ["10.1.0.0/16", "hooks.corp.example", "localhost:8080"]}',
  });
}
