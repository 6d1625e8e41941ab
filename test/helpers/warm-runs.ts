/** Runs of one program, one after the other, on a server that keeps workers; and where each of their actions ran. */
import assert from "node:assert/strict";
import { readRunDocument } from "../../src/client/run-document.ts";
import { getJson } from "../../src/client/server-json.ts";
import type { WarmStart } from "../../src/domain/warm-start.ts";
import type { PoolsDocument } from "../../src/services/visible-pools.ts";
import type { TestServer } from "./server.ts";
import { runProgram, stockPython, succeeded, writeProgram } from "./stock-sdk.ts";
import { until } from "./until.ts";

const FLOW = `
import os, socket
import flyte

env = flyte.TaskEnvironment(name="warm", image=flyte.Image.from_ref_name("runtime"))

def place() -> list[str]:
    with open("/proc/net/route") as routes:
        gateways = [line.split()[2] for line in routes if line.split()[1] == "00000000"]
    gateway = socket.inet_ntoa(bytes.fromhex(gateways[0])[::-1])
    names = ("host.docker.internal", "host.containers.internal")
    return [os.environ["RUN_NAME"], os.environ["ACTION_NAME"], gateway, *map(socket.gethostbyname, names)]

@env.task
async def child(x: int) -> list[str]:
    return place()

@env.task
async def parent() -> list[list[str]]:
    return [place(), *[await child(x) for x in range(3)]]
`;

const MAIN = `
import json, sys
import flyte, flow

config, runtime, setting = sys.argv[1:]
flyte.init_from_config(config, images=(f"runtime={runtime}",))
run = flyte.with_runcontext(env_vars={"BOXKITE_WARM_START": setting}).run(flow.parent)
run.wait(quiet=True)
run.raise_for_status()
print(json.dumps([run.name, run.outputs()[0]]))
`;

/** Flyte's default project of the client. */
const SCOPE = { project: "flytesnacks", domain: "development" };

export class WarmRuns {
  readonly #server: TestServer;
  readonly #directory: string;
  readonly #image: string;

  private constructor(server: TestServer, directory: string, image: string) {
    this.#server = server;
    this.#directory = directory;
    this.#image = image;
  }

  /** `image`: with the stock runtime. */
  static async of(server: TestServer, directory: string, image: string): Promise<WarmRuns> {
    await writeProgram(directory, { "flow.py": FLOW, "main.py": MAIN });
    return new WarmRuns(server, directory, image);
  }

  /** How the actions of a new run started, its root first; undefined: cold. `setting`: how they may. */
  async next(setting: "one-shot" | "fork"): Promise<readonly (WarmStart | undefined)[]> {
    const args = ["main.py", this.#server.config, this.#image, setting];
    const { stdout } = succeeded(
      await runProgram(stockPython(), args, { cwd: this.#directory, timeoutMs: 300_000 }),
    );
    const [run, places] = JSON.parse(stdout.trim().split("\n").at(-1) ?? "") as [string, string[][]];
    return await Promise.all(
      places.map(async ([ofRun, action, gateway = "", ...hosts]) => {
        assert.equal(ofRun, run);
        assert.deepEqual(hosts, [gateway, gateway], "this machine's names lead to it");
        const { action: seen } = await readRunDocument(this.#connection, { ...SCOPE, run }, action);
        return seen.attempts.at(-1)?.provenance.warm;
      }),
    );
  }

  /** Resolves when there is a worker for the root of the next run. */
  async isReady(): Promise<void> {
    await until(async () => {
      const { pools } = (await getJson(this.#connection, "/v2/pools/document")) as PoolsDocument;
      return pools.some(({ mode, run, idle }) => mode === "one_shot" && run === undefined && idle === 1);
    }, 60_000);
  }

  get #connection(): { readonly baseUrl: string } {
    return { baseUrl: `http://127.0.0.1:${this.#server.port}` };
  }
}
