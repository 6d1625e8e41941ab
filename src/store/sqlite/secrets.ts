/** Named values that nobody outside sees. */
import type { Store } from "../store.ts";
import type { Database } from "../../sqlite/database.ts";

export function secretStore(database: Database): Pick<Store, "secret" | "findSecret" | "changeSecret"> {
  const find = (name: string) =>
    database.get("SELECT value FROM secrets WHERE name = ?", name)?.["value"] as string | undefined;
  return {
    findSecret: async (name) => find(name),
    secret: (name, create) =>
      database.write(() => {
        const known = find(name);
        if (known !== undefined) return known;
        const value = create();
        database.run("INSERT INTO secrets (name, value) VALUES (?, ?)", name, value);
        return value;
      }),
    changeSecret: (name, next) =>
      database.write(() => {
        const value = next(find(name));
        database.run(
          "INSERT INTO secrets (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
          name,
          value,
        );
        return value;
      }),
  };
}
