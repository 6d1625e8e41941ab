/** How images can use a Python runtime: what was proved once for an image is not tried again. */
import type { RuntimeFit } from "../../domain/runtime-fit.ts";
import type { Store } from "../store.ts";
import type { Database } from "../../sqlite/database.ts";
import { forgetOldest } from "./newest-kept.ts";
import { json } from "./rows.ts";

const KEPT_FITS = 1_000;

export function runtimeFitsStore(database: Database): Pick<Store, "findRuntimeFit" | "recordRuntimeFit"> {
  return {
    findRuntimeFit: async (key) => {
      const row = database.get("SELECT fit FROM runtime_fits WHERE key = ?", key);
      return row && json<RuntimeFit>(row["fit"]);
    },
    recordRuntimeFit: (key, fit, at) =>
      database.write(() => {
        database.run(
          `INSERT INTO runtime_fits (key, fit, found_at) VALUES (?, ?, ?)
           ON CONFLICT DO UPDATE SET fit = excluded.fit, found_at = excluded.found_at`,
          key,
          JSON.stringify(fit),
          at,
        );
        forgetOldest(database, "runtime_fits", "found_at", KEPT_FITS);
      }),
  };
}
