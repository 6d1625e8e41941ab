import { test } from "node:test";
import { fuzz } from "../fuzz/fuzz.ts";

test("a minute of random requests: none makes the server fail", (t) => fuzz(t, { forMs: 60_000 }));
