/** `share-ports` of the settings file. */
import { BoxkiteError } from "../domain/errors.ts";
import type { SharedPorts } from "../server/shared-ports.ts";
import { mappingOf, wholeOf } from "./setting-values.ts";

const MAX_PORT = 65_535;

/** Throws CONFIG_INVALID naming the port. */
export function readSharedPorts(value: unknown): SharedPorts {
  const entries = Object.entries(mappingOf(value, "share-ports")).map(([name, service]) => {
    const port = /^\d+$/u.test(name) ? Number(name) : 0;
    if (port < 1 || port > MAX_PORT) {
      throw new BoxkiteError(
        "CONFIG_INVALID",
        `share-ports: ${JSON.stringify(name)} is not a port from 1 to ${MAX_PORT}`,
        {
          hint: "share-ports: {15432: 5432} lets containers use port 15432 for this machine's localhost:5432",
        },
      );
    }
    const target = wholeOf(service, `share-ports: ${name}`, 1, MAX_PORT);
    if (target === port) {
      throw new BoxkiteError("CONFIG_INVALID", `share-ports: ${name} is the service's own port`, {
        hint: `choose another one for containers: share-ports: {${port < 50_000 ? port + 10_000 : port - 10_000}: ${port}}`,
      });
    }
    return [port, target] as const;
  });
  return new Map(entries);
}
