/** Ten minutes of random requests. Run by `npm run test:fuzz`; not part of CI, which sends them for a minute. */
import { test } from "node:test";
import { fuzz } from "../fuzz/fuzz.ts";

test("ten minutes of random requests: none makes the server fail", (t) => fuzz(t, { forMs: 600_000 }));
