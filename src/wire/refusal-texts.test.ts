/** All that src/wire and src/services refuse, as it is written there: no name of the protocol, and what to do. */
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { namesOfProtocol } from "../../test/helpers/authors-words.ts";

const SRC = join(import.meta.dirname, "..");
const FOLDERS = ["wire", "services"];

/** Texts that a program meets, not an author; the answer to a list, a log or an object that is not there. */
const WITHOUT_HINT = new Set(["OBJECT_NOT_FOUND", "LOGS_NOT_FOUND", "NO_LOGS", "IMAGE_NOT_FOUND"]);

test("refusals of src/wire and src/services name no field of the protocol, and say what to do", () => {
  let count = 0;
  for (const folder of FOLDERS) {
    for (const file of readdirSync(join(SRC, folder))) {
      if (!file.endsWith(".ts") || file.endsWith(".test.ts")) continue;
      const source = readFileSync(join(SRC, folder, file), "utf8");
      for (const call of callsOf("new BoxkiteError(", source)) {
        count++;
        const code = /^\s*"([A-Z_]+)"/u.exec(call)?.[1] ?? "";
        const texts = call.replaceAll(/\$\{(?:[^{}]|\{[^}]*\})*\}/gu, "…").match(/(["'`])(?:(?!\1).)*\1/gsu);
        for (const text of texts?.slice(1) ?? [])
          assert.deepEqual(namesOfProtocol(text), [], `${file}: ${text}`);
        assert.ok(WITHOUT_HINT.has(code) || /\bhint\b/u.test(call), `${file} says what to do: ${call}`);
      }
    }
  }
  assert.ok(count > 40, `${count} refusals`);
});

/** The arguments of each call, up to its closing parenthesis. */
function callsOf(opening: string, source: string): string[] {
  return source
    .split(opening)
    .slice(1)
    .map((rest) => {
      let depth = 1;
      const end = rest.split("").findIndex((character) => {
        if (character === "(") depth++;
        if (character === ")") depth--;
        return depth === 0;
      });
      return rest.slice(0, end);
    });
}
