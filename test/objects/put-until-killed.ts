/** Puts, replaces and deletes objects for ever, and says which puts were answered. */
import { openDirectoryStore } from "../../src/objects/directory-store.ts";

const store = await openDirectoryStore(process.argv[2] ?? "");
await store.put("replaced", Buffer.alloc(3_000_000));
for (let round = 0; ; round++) {
  await store.put(`kept/${round}`, Buffer.alloc(50_000, round));
  await store.put(`small/${round}`, Buffer.alloc(50, round));
  process.stdout.write(`${round}\n`);
  void store.put("replaced", Buffer.alloc(3_000_000, round));
  void store.put("moved", Buffer.alloc(round % 2 === 0 ? 100 : 100_000, round));
  await store.put("gone", Buffer.from("x"));
  await store.delete("gone");
}
