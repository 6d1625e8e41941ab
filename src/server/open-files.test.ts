import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { test } from "node:test";
import { mostOpenFiles } from "./open-files.ts";

test(
  "the limit of open files is the one that children inherit",
  {
    skip: process.platform !== "linux" && "only Linux tells it",
  },
  async () => {
    const told = execFileSync("sh", ["-c", "ulimit -n"], { encoding: "utf8" }).trim();
    assert.equal(await mostOpenFiles(), told === "unlimited" ? undefined : Number(told));
  },
);
