/** The quick start as it is written: its image is built, and its program and commands are run. */
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { fencesRunBy } from "../helpers/documents.ts";
import { engineCommand, engineOutput, missingEngine } from "../helpers/engine.ts";
import { startServer, temporaryDirectory } from "../helpers/server.ts";
import { runProgram, stockPython, succeeded, writeProgram } from "../helpers/stock-sdk.ts";

const GUIDE = join(import.meta.dirname, "../../docs/quick-start.md");
/** The guide's name of its image; the test uses its own, so that no existing image is overwritten. */
const GUIDES_IMAGE = "localhost/team/image:1";
const IMAGE = `localhost/boxkite-test/quick-start-${process.pid}:1`;

/** The guide's code blocks of a language, without the list's indentation. */
function blocks(guide: string, language: string): string[] {
  const found = guide.matchAll(new RegExp(`^ {3}\`\`\`${language}\\n([^]*?)^ {3}\`\`\``, "gmu"));
  return [...found].map(([, body = ""]) => body.replaceAll(/^ {3}/gmu, "").replaceAll(GUIDES_IMAGE, IMAGE));
}

test("the quick start", { skip: missingEngine("podman") ?? false }, async (t) => {
  const guide = await readFile(GUIDE, "utf8");
  const [dockerfile, ...moreFiles] = blocks(guide, "dockerfile");
  const [hello, ...morePrograms] = blocks(guide, "python");
  assert.ok(dockerfile !== undefined && hello !== undefined);
  assert.deepEqual([...moreFiles, ...morePrograms], []);
  const commands = blocks(guide, "sh").flatMap((block) => block.trim().split("\n"));

  const directory = await temporaryDirectory(t);
  await writeProgram(directory, { Dockerfile: dockerfile, "hello.py": hello });
  const build = commands
    .find((command) => command.startsWith("podman build"))
    ?.split(/\s+#/u)[0]
    ?.split(" ");
  assert.deepEqual(build?.slice(0, 5), ["podman", "build", "-t", IMAGE, "."]);
  await engineOutput("podman", ["build", "--pull=never", "-t", IMAGE, directory]);
  t.after(() => engineCommand("podman", ["rmi", "--force", IMAGE]));

  const server = await startServer(t, { args: ["--engine", "podman", "--ephemeral"] });
  const python = stockPython();
  const options = { cwd: directory, env: { FLYTECTL_CONFIG: server.config }, timeoutMs: 300_000 };
  assert.ok(commands.includes("python hello.py"));
  const ran = succeeded(await runProgram(python, ["hello.py"], options));
  assert.match(ran.stdout, /\/v2\/domain\/development\/project\/flytesnacks\/runs\/\S+\n[^]*hello you\n$/u);

  const readme = fencesRunBy("test/e2e/quick-start.test.ts", "README.md").map(({ text }) =>
    text.replaceAll("YOUR/IMAGE", IMAGE),
  );
  const runs = (lines: readonly string[]) => lines.filter((line) => line.startsWith("flyte run"));
  assert.deepEqual(runs(readme.join("").split("\n")), runs(commands), "README.md has the guide's command");
  const [flyte, ...args] = commands.find((command) => command.startsWith("flyte run"))?.split(" ") ?? [];
  assert.equal(flyte, "flyte");
  succeeded(await runProgram(join(python, "../flyte"), args, options));
});
