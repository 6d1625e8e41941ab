/** The store on one SQLite file. */
import { EventEmitter } from "node:events";
import type { Store } from "../store.ts";
import type { OnChange } from "../reader.ts";
import { actionStore } from "./actions.ts";
import { attemptSources } from "./attempt-sources.ts";
import { buildStore } from "./builds.ts";
import { imageFactsStore } from "./image-facts.ts";
import { imagePinsStore } from "./image-pins.ts";
import { runtimeFitsStore } from "./runtime-fits.ts";
import { firstShown } from "./first-shown.ts";
import { liveAttempts } from "./live-attempts.ts";
import type { OnMigration } from "../../sqlite/open-file.ts";
import { pastCallsStore } from "./past-calls.ts";
import { projectStore } from "./projects.ts";
import { runNotesStore } from "./run-notes.ts";
import { runStore } from "./runs.ts";
import { secretStore } from "./secrets.ts";
import { sessionStore } from "./sessions.ts";
import { openStoreDatabase } from "./store-database.ts";
import { taskStore } from "./tasks.ts";
import { tokenStore } from "./tokens.ts";
import { workStore } from "./work.ts";

/** `file` may be `:memory:`. Throws DATA_DIRECTORY_UNUSABLE for a store of a newer version. */
export function openSqliteStore(file: string, onMigration?: OnMigration): Store {
  const database = openStoreDatabase(file, onMigration);
  const feed = new EventEmitter<{ change: Parameters<OnChange> }>();
  feed.setMaxListeners(0);
  const { changed: attemptsChanged, ...attempts } = liveAttempts(database);
  const notify: OnChange = (changed) => {
    attemptsChanged(changed);
    feed.emit("change", changed);
  };

  return {
    ...projectStore(database),
    ...taskStore(database),
    ...runStore(database, notify),
    ...runNotesStore(database),
    ...imagePinsStore(database),
    ...pastCallsStore(database),
    ...actionStore(database, notify),
    ...attemptSources(database),
    ...firstShown(database),
    ...attempts,
    ...workStore(database, notify),
    ...buildStore(database),
    ...imageFactsStore(database),
    ...runtimeFitsStore(database),
    ...tokenStore(database),
    ...sessionStore(database),
    onChange: (listener) => {
      feed.on("change", listener);
      return () => void feed.off("change", listener);
    },
    ...secretStore(database),
    check: async () => database.check(),
    close: async () => database.close(),
  };
}
