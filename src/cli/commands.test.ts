import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { COMMANDS } from "./commands.ts";

test("docs/cli.md names every command, and every option where it speaks of its command", async () => {
  const text = readFileSync(join(import.meta.dirname, "../../docs/cli.md"), "utf8");
  // What begins with a command is about that one, up to the next.
  const parts = text.split(/^(?=`boxkite )/mu);
  for (const [name, load] of Object.entries(COMMANDS)) {
    const part = parts.find((each) => each.startsWith("`boxkite " + name));
    assert.ok(part !== undefined, `no paragraph begins with boxkite ${name}`);
    const { options } = await load();
    const missing = Object.keys(options).filter(
      (option) => !new RegExp(`--${option}\\b(?!-)`, "u").test(part),
    );
    assert.deepEqual(missing, [], `options of boxkite ${name}`);
  }
});
