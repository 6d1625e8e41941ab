import assert from "node:assert/strict";
import { test } from "node:test";
import { dropsArguments, textOfEntrypoint } from "./entrypoint.ts";

test("a shell with -c drops what its script does not use", () => {
  const dropping = [
    ["/bin/bash", "-c"],
    ["bash", "-lc"],
    ["/usr/bin/env", "bash", "-c"],
    ["/bin/sh", "-ec", "python serve.py"],
    ["tini", "--", "sh", "-c", "python serve.py"],
    // Without a name, `$0` is the command, and `$@` begins behind it.
    ["/bin/sh", "-c", 'exec "$@"'],
  ];
  const passing = [
    ["/bin/sh", "-c", 'exec "$0" "$@"'],
    ["/bin/sh", "-c", 'source /env && exec "$@"', "--"],
    ["/bin/sh", "-c", "exec $0 ${@}"],
    ["/bin/bash", "/entrypoint.sh"],
    ["/entrypoint.sh"],
    ["/entrypoint.sh", "-c"],
    ["tini", "--"],
    [],
  ];
  for (const words of dropping) assert.equal(dropsArguments(words), true, words.join(" "));
  for (const words of passing) assert.equal(dropsArguments(words), false, words.join(" "));
});

test("it is shown as in a Dockerfile, long words cut", () => {
  assert.equal(textOfEntrypoint(["/bin/sh", "-c"]), 'ENTRYPOINT ["/bin/sh","-c"]');
  assert.match(textOfEntrypoint(["x".repeat(500)]), /^ENTRYPOINT \["x{120}…"\]$/u);
});
