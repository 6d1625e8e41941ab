/** The SDK's own local builders against the server: what they push is what runs. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite, test } from "node:test";
import { insecureRegistryEnv, missingEngine, watchContainers, removeImagesNamed } from "../helpers/engine.ts";
import { missingRegistry, startRegistry } from "../helpers/registry.ts";
import { clientConfig, startServer } from "../helpers/server.ts";
import { runProgram, stockPython, succeeded, writeProgram } from "../helpers/stock-sdk.ts";

const skip = missingRegistry() ?? missingEngine("podman");
const noBuildx =
  spawnSync("docker", ["buildx", "version"]).status === 0 && spawnSync("docker", ["info"]).status === 0
    ? undefined
    : "there is no docker buildx with a daemon";

suite("the SDK's local builders", { skip: skip ?? false }, () => {
  for (const [builder, missing] of [
    ["local-podman", undefined],
    ["local", noBuildx],
  ] as const) {
    test(`image.builder: ${builder}`, { skip: missing ?? false }, async (t) => {
      const scratch = await mkdtemp(join(tmpdir(), "boxkite-local-"));
      const registry = await startRegistry(join(scratch, "registry"));
      t.after(async () => {
        await registry.stop();
        await removeImagesNamed("podman", [`${registry.host}/`]);
        await rm(scratch, { recursive: true, force: true });
      });
      const env = await insecureRegistryEnv(scratch, registry.host);
      const server = await startServer(t, { args: ["--engine", "podman", "--ephemeral"], env });
      await writeFile(server.config, clientConfig(server.port, builder));
      await writeProgram(scratch, {
        "flow.py": `
import os, sys, flyte
image = (
    flyte.Image.from_base("docker.io/library/python:3.11-slim")
    .clone(name="team/adapted", registry="${registry.host}", extendable=True)
    .with_commands(["/usr/local/bin/pip install flyte==2.12.1"])
    .with_env_vars({"PATH": "/usr/local/bin:$PATH", "TEAM": "data"})
)
env = flyte.TaskEnvironment(name="e", image=image)

@env.task
async def where(x: int) -> str:
    return f"{os.environ['TEAM']} {sys.executable}"

if __name__ == "__main__":
    flyte.init_from_config(sys.argv[1])
    # Without force the SDK assumes that an image exists when it cannot check.
    flyte.build(image, force=True)
    run = flyte.run(where, x=1)
    run.wait(quiet=True)
    run.raise_for_status()
    print(run.name, run.outputs()[0])
`,
      });
      const containers = watchContainers("podman");
      const result = succeeded(
        await runProgram(stockPython(), ["flow.py", server.config], {
          cwd: scratch,
          env: { ...env, FLYTE_DOCKER_BUILD_EXTRA_ARGS: "--pull=never" },
          timeoutMs: 300_000,
        }),
      );
      const [run, ...output] = (result.stdout.trim().split("\n").at(-1) ?? "").split(" ");
      assert.match(output.join(" "), /^data \/usr\/local\/bin\/python/u);
      const seen = [...(await containers.stop()).values()].filter((container) => container.run === run);
      assert.equal(seen.length, 1);
      assert.match(seen[0]?.imageDigest ?? "", /^sha256:/u);
    });
  }
});
