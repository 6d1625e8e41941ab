/** What was found in images: a check of a digest that was read before starts no container. */
import type { ImageFacts } from "../../domain/image-facts.ts";
import type { Store } from "../store.ts";
import type { Database } from "../../sqlite/database.ts";
import { forgetOldest } from "./newest-kept.ts";
import { json } from "./rows.ts";

const KEPT_IMAGES = 1_000;
/** Each attempt asks for those of its image, and they name all of its packages. */
const REMEMBERED_IMAGES = 50;

export function imageFactsStore(database: Database): Pick<Store, "findImageFacts" | "recordImageFacts"> {
  /** Until some are recorded here. What another process records for a key is the same: a digest names one content. */
  const remembered = new Map<string, ImageFacts>();
  return {
    findImageFacts: async ({ digest, platform, version }) => {
      const key = `${digest} ${platform} ${version}`;
      const known = remembered.get(key);
      if (known !== undefined) return known;
      const row = database.get(
        "SELECT facts FROM image_facts WHERE digest = ? AND platform = ? AND version = ?",
        digest,
        platform,
        version,
      );
      if (row === undefined) return undefined;
      const facts = json<ImageFacts>(row["facts"]);
      if (remembered.size >= REMEMBERED_IMAGES) remembered.clear();
      remembered.set(key, facts);
      return facts;
    },
    recordImageFacts: ({ digest, platform, version }, facts, at) =>
      database.write(() => {
        database.run(
          `INSERT INTO image_facts (digest, platform, version, facts, probed_at) VALUES (?, ?, ?, ?, ?)
           ON CONFLICT DO UPDATE SET version = excluded.version, facts = excluded.facts, probed_at = excluded.probed_at`,
          digest,
          platform,
          version,
          JSON.stringify(facts),
          at,
        );
        forgetOldest(database, "image_facts", "probed_at", KEPT_IMAGES);
        remembered.clear();
      }),
  };
}
