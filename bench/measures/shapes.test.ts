import assert from "node:assert/strict";
import { test } from "node:test";
import { grownPerThousand } from "./shapes.ts";

test("memory that the first round took counts for all of them", () => {
  const ends = Array.from({ length: 1_000 }, () => 0);
  const rounds = [
    { beforeMb: 100, afterMb: 160, ends },
    { beforeMb: 160, afterMb: 150, ends },
  ];
  assert.equal(grownPerThousand(rounds), 25);
});
