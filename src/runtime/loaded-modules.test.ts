/**
 * What a task container loads stays small: it is paid for once per action. The linter cannot hold this,
 * as it takes `import()` of what only starts runs for an import like any other.
 */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { globSync } from "node:fs";
import { join } from "node:path";
import { suite, test } from "node:test";
import { pathToFileURL } from "node:url";
import { promisify } from "node:util";

const root = join(import.meta.dirname, "../..");

const SCRIPT = `
import { registerHooks } from "node:module";
const loaded = [];
registerHooks({ load: (url, context, next) => (loaded.push(url), next(url, context)) });
for (const url of process.argv.slice(1)) await import(url);
process.stdout.write(JSON.stringify(loaded));
`;

/** Folders of src, and packages, that importing these files loads. */
async function loadedBy(files: readonly string[]) {
  const urls = files.map((file) => pathToFileURL(join(root, file)).href);
  const script = ["--input-type=module", "-e", SCRIPT, ...urls];
  const { stdout } = await promisify(execFile)(process.execPath, script, { cwd: root });
  const loaded = (JSON.parse(stdout) as string[]).filter((url) => url.startsWith("file:"));
  const named = (pattern: RegExp): Set<string> =>
    new Set(loaded.flatMap((url) => pattern.exec(url)?.[1] ?? []));
  return {
    folders: named(/^(?!.*node_modules).*\/src\/(sdk\/\w+(?=\/)|\w+)/),
    packages: named(/.*\/node_modules\/((?:@[^/]+\/)?[^/]+)/),
    count: loaded.length,
  };
}

function isNotOfTheProtocol(name: string): boolean {
  return !/^@(bufbuild|connectrpc|msgpack)\//.test(name);
}

suite("modules that are loaded", { concurrency: true }, () => {
  test("the package's index loads what authors write with, and nothing that starts runs", async () => {
    const { folders, packages, count } = await loadedBy(["src/sdk/index.ts"]);
    assert.deepEqual([...folders].sort(), ["domain", "sdk", "sdk/authoring", "wire"]);
    assert.deepEqual([...packages], ["@bufbuild/protobuf"]);
    // 105 when this was written, of which protobuf has 66.
    assert.ok(count <= 115, `${count} modules`);
  });

  test("no module of authoring/ loads start/ or local/ before it is asked to", async () => {
    const files = globSync("src/sdk/authoring/*.ts", { cwd: root, exclude: ["**/*.test.ts"] });
    const { folders } = await loadedBy(files);
    assert.ok(files.length > 20);
    assert.deepEqual(
      [...folders].filter((name) => /^sdk\/(start|local|testing)$/.test(name)),
      [],
    );
  });

  test("the runtime loads no library but those of the protocol, and for calls the tokenizer of code versions", async () => {
    const { folders, packages } = await loadedBy([
      "src/runtime/run-action.ts",
      "src/runtime/remote-controller.ts",
      "src/client/storage/s3-storage.ts",
    ]);
    assert.deepEqual(
      [...folders].filter((name) => /^sdk\/(start|local|testing)$/.test(name)),
      [],
    );
    assert.deepEqual([...packages].filter(isNotOfTheProtocol), ["js-tokens"]);
  });

  test("a task that starts a run loads nothing that reads the author's files", async () => {
    const { packages } = await loadedBy(["src/sdk/start/start-run.ts", "src/sdk/start/remote-run.ts"]);
    assert.deepEqual([...packages].filter(isNotOfTheProtocol), ["js-tokens"]);
  });

  test("a task that calls nobody loads little", async () => {
    const { packages, count } = await loadedBy(["src/runtime/run-action.ts"]);
    assert.deepEqual([...packages].filter(isNotOfTheProtocol), []);
    assert.ok(count <= 125, `${count} modules`);
  });
});
