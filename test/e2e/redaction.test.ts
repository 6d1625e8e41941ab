/** A task of the stock SDK prints and raises its own token and keys: nothing that is kept has them. */
import assert from "node:assert/strict";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { before, test } from "node:test";
import { processSubject, usePython } from "../helpers/process-subject.ts";
import { temporaryDirectory } from "../helpers/server.ts";
import { stockPython } from "../helpers/stock-sdk.ts";

const FLOW = `
import json, os, sys
import flyte
env = flyte.TaskEnvironment(name="e")

@env.task
async def main(file: str) -> int:
    secrets = [os.environ["_U_EP_OVERRIDE"].split("/t/")[1], os.environ["FLYTE_AWS_SECRET_ACCESS_KEY"]]
    with open(file, "w") as known:
        json.dump(secrets, known)
    for secret in secrets:
        print("whole:", secret)
        print(secret[:20] + "\\n" + secret[20:], file=sys.stderr)
        sys.stdout.write(secret[:9])
        sys.stdout.flush()
        sys.stdout.write(secret[9:] + "\\n")
    raise ValueError("no answer of http://host/t/" + " and ".join(secrets))
`;

const program = (file: string) => `
import sys, flyte, flow
flyte.init_from_config(sys.argv[1])
run = flyte.with_runcontext(name="prints").run(flow.main, file="${file}")
run.wait()
print(run.action.phase)
`;

before(() => usePython(stockPython()));

test("the secrets of an attempt that prints and raises them are nowhere in the data directory", async (t) => {
  const data = await temporaryDirectory(t);
  const known = join(await temporaryDirectory(t), "secrets.json");
  const { server, python } = await processSubject(t, FLOW, ["--data", data]);
  await python("prints.py", program(known));
  await server.kill("SIGTERM");
  const secrets = JSON.parse(await readFile(known, "utf8")) as string[];
  assert.deepEqual([secrets.length, secrets.every(({ length }) => length > 40)], [2, true]);
  const files = await readdir(data, { recursive: true, withFileTypes: true });
  const contents = await Promise.all(
    files
      .filter((entry) => entry.isFile())
      .map(async ({ parentPath, name }) => ({
        path: join(parentPath, name),
        text: await readFile(join(parentPath, name), "latin1"),
      })),
  );
  for (const secret of secrets)
    for (const { path, text } of contents) {
      assert.ok(!text.includes(secret), path);
      assert.ok(!text.includes(secret.slice(20)), path);
    }
  const log = contents.find(({ path }) => path.endsWith("/a0/1.log"))?.text ?? "";
  assert.equal(log.match(/whole: \*\*\*$/gmu)?.length, 2, log);
  assert.match(log, /no answer of http:\/\/host\/t\/\*+ and \*+/u);
});
