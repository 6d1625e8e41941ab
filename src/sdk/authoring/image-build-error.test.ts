import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { test } from "node:test";

test("what Node prints of an error that nobody catches has the message and the hint once, and no other fields", () => {
  const program = `
    import { ImageBuildError } from ${JSON.stringify(join(import.meta.dirname, "image-build-error.ts"))};
    throw new ImageBuildError("team:1", "the build of team:1 failed\\nno such package", { hint: "name one", step: "RUN x", log: ["y"] });`;
  const { stderr } = spawnSync(process.execPath, ["--input-type=module", "--eval", program], {
    encoding: "utf8",
  });
  assert.match(
    stderr,
    /^ImageBuildError: the build of team:1 failed\nno such package\nhint: name one\n {4}at /mu,
  );
  assert.match(stderr, /\{\s*code: 'IMAGE_BUILD_FAILED'\s*\}/u);
});
