/** Programs, commands and configurations of the guides, run as they are written, against one server. */
import assert from "node:assert/strict";
import { chmod, readFile } from "node:fs/promises";
import { delimiter, dirname, join } from "node:path";
import { test } from "node:test";
import { fencesRunBy, fencesOf } from "../helpers/documents.ts";
import { startReceiver } from "../helpers/receiver.ts";
import { BOXKITE, startServer, temporaryDirectory } from "../helpers/server.ts";
import { runProgram, stockPython, succeeded, writeProgram } from "../helpers/stock-sdk.ts";
import { until } from "../helpers/until.ts";

const SELF = "test/e2e/docs-programs.test.ts";

const MAKES_A_FILE = `
import flyte
from flyte.io import File

env = flyte.TaskEnvironment(name="e")

@env.task
async def main() -> File:
    open("/tmp/made-for-docs.csv", "w").write("a,b\\n1,2\\n")
    return await File.from_local("/tmp/made-for-docs.csv")

if __name__ == "__main__":
    flyte.init_from_config()
    flyte.with_runcontext(name="my-run").run(main).wait(quiet=True)
`;

test("programs of the guides", async (t) => {
  const interpreter = stockPython();
  const [data, directory] = [await temporaryDirectory(t), await temporaryDirectory(t)];
  const server = await startServer(t, {
    args: ["--engine", "process", "--python", interpreter, "--data", data],
  });
  // Where the client finds it by itself.
  const config = await readFile(server.config, "utf8");
  // The guides' server is at the default port.
  const command = `exec '${process.execPath}' '${BOXKITE}' "$@" --endpoint http://127.0.0.1:${server.port}`;
  const files = { ".flyte/config.yaml": config, "bin/boxkite": `#!/bin/sh\n${command}\n` };
  await writeProgram(directory, files);
  await chmod(join(directory, "bin/boxkite"), 0o755);
  const path = [join(directory, "bin"), dirname(interpreter), process.env["PATH"]].join(delimiter);
  const env = { PATH: path, BOXKITE_DATA: data };

  const run = (file: string, args: readonly string[]) =>
    runProgram(file, args, { cwd: directory, env, timeoutMs: 300_000 });
  const python = async (name: string, text: string) => {
    await writeProgram(directory, { [name]: text });
    return succeeded(await run("python", [name]));
  };

  await t.test("client.md: keys for one's own programs, and a run's file", async () => {
    const [commands, download] = fencesRunBy(SELF, "docs/client.md");
    assert.ok(commands?.language === "sh" && download?.language === "python");
    await python("makes.py", MAKES_A_FILE);
    await writeProgram(directory, { "download.py": download.text });
    const script = `set -e\n${commands.text}\nenv | grep ^AWS_SECRET\npython download.py\ncat copy.csv\n`;
    const { stdout } = succeeded(await run("sh", ["-c", script]));
    assert.match(stdout, /^AWS_SECRET_ACCESS_KEY=./mu);
    assert.match(stdout, /"prefix":"flytesnacks\/development\/"/u);
    assert.match(stdout, /a,b\n1,2\n$/u);
  });

  await t.test("notifications.md: the receiver of the phase is called", async (each) => {
    const receiver = await startReceiver(each);
    const hello = fencesOf("docs/quick-start.md").find(({ language }) => language === "python");
    const [notify] = fencesRunBy(SELF, "docs/notifications.md");
    assert.ok(hello !== undefined && notify !== undefined);
    await writeProgram(directory, { "hello.py": hello.text });
    await python("notifies.py", notify.text.replaceAll("https://example.org", receiver.url));
    await until(async () => receiver.received.length > 0, 60_000);
    assert.match(receiver.received[0]?.path ?? "", /^\/r[\w-]+$/u);
  });

  await t.test(
    "images.md and typescript/quick-start.md: the stock client reads the configurations",
    async () => {
      const [builder] = fencesRunBy(SELF, "docs/images.md");
      const [client] = fencesRunBy(SELF, "docs/typescript/quick-start.md");
      assert.ok(builder !== undefined && client !== undefined);
      await writeProgram(directory, { "written.yaml": `${client.text}${builder.text}` });
      const shown = succeeded(await run("flyte", ["-c", "written.yaml", "get", "config"])).stdout;
      for (const value of ["localhost:30080", "flytesnacks", "development", "remote"])
        assert.ok(shown.includes(value), shown);
    },
  );
});
