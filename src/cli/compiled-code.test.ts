import assert from "node:assert/strict";
import { test } from "node:test";
import { compiledCodeDirectory } from "./compiled-code.ts";

test("compiled code is kept where only its user can write", () => {
  const cases: readonly [NodeJS.ProcessEnv, string | undefined][] = [
    [{ HOME: "/home/ada" }, "/home/ada/.cache/boxkite/compiled"],
    [{ HOME: "/home/ada", XDG_CACHE_HOME: "/cache" }, "/cache/boxkite/compiled"],
    [{ HOME: "/home/ada", XDG_CACHE_HOME: "relative" }, "/home/ada/.cache/boxkite/compiled"],
    [{ HOME: "" }, undefined],
    [{}, undefined],
  ];
  for (const [env, directory] of cases) assert.equal(compiledCodeDirectory(env), directory);
});
