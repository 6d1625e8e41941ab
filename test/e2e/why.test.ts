/** `boxkite why` of real runs: the stock SDK, tasks that run as processes, and an input that makes one of them fail. */
import assert from "node:assert/strict";
import { before, test } from "node:test";
import { processSubject, usePython } from "../helpers/process-subject.ts";
import { BOXKITE } from "../helpers/server.ts";
import { runProgram, stockPython, succeeded } from "../helpers/stock-sdk.ts";

before(() => usePython(stockPython()));

const FLOW = `
import flyte
env = flyte.TaskEnvironment(name="shop")

@env.task
async def price(x: int) -> int:
    if x > 3:
        raise ValueError(f"{x} is too large")
    return x

@env.task
async def total(x: int, currency: str = "EUR") -> int:
    return await price(x) + 1
`;

test("a run that fails because of an input is explained by it, with the code that is the same", async (t) => {
  const { server, directory, run } = await processSubject(t, FLOW);
  const boxkite = async (...args: string[]) =>
    succeeded(
      await runProgram(process.execPath, [BOXKITE, ...args, "--config", server.config], { cwd: directory }),
    ).stdout;
  const green = await run("total", { x: 2 });
  const red = await run("total", { x: 7 }, { env_vars: { TRIES: "2" } });
  assert.deepEqual([green.outputs, red.code], [[3], "ValueError"]);

  const why = await boxkite("why", red.name);
  for (const line of [
    new RegExp(`^run ${red.name} failed$`, "mu"),
    /^failed at a0 › \w+ \(shop\.price\)$/mu,
    /^error .*ValueError$/mu,
    /^ {2}7 is too large/mu,
    new RegExp(`^shop\\.total succeeded last in run ${green.name}, `, "mu"),
    /^ {2}inputs\n {4}x +2 +→ +7$/mu,
    /^ {4}TRIES +added$/mu,
    /^ {2}the same: images, code, runtime, settings$/mu,
  ])
    assert.match(why, line);
  const action = /^the failed action, (\w+), compared with/mu.exec(why)?.[1];
  assert.ok(action !== undefined, why);

  const shown = await boxkite("get", `${red.name}/${action}`);
  assert.match(shown, /^ {2}x = 7$/mu);
  assert.match(shown, /^ {2}code +s3:\/\/boxkite\/flytesnacks\/development\/uploads\/.*gz$/mu);
  assert.match(shown, /^ {2}sent with +flyte 2\.12\.1$/mu);
  assert.match(await boxkite("get", red.url), /^TASK +ACTIONS +FAILED +QUEUED +RUNNING$/mu);
});
