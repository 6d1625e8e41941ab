/** What the log says of a migration: a large store takes a while, in which the server does not answer. */
import type { Clock } from "../lib/clock.ts";
import type { Logger } from "../lib/log.ts";
import type { OnMigration } from "../sqlite/open-file.ts";

export function logMigrations(log: Logger, clock: Clock): OnMigration {
  return ({ from, to, bytes }) => {
    log.info("migrating the store to the schema of this version", { from, to, bytes });
    const begun = clock.now();
    return () => {
      const seconds = Math.round((clock.now() - begun) / 100) / 10;
      log.info("the store is migrated", { from, to, seconds });
    };
  };
}
