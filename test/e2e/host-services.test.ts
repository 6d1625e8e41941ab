/** Services of the machine, as a task's container sees them: by one name, with Podman and with Docker. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { after, before, test, type TestContext } from "node:test";
import { startDocker } from "../helpers/dockerd.ts";
import { missingEngine, type EngineCommand } from "../helpers/engine.ts";
import { processSubject, usePython } from "../helpers/process-subject.ts";
import { temporaryDirectory } from "../helpers/server.ts";
import { stockPython } from "../helpers/stock-sdk.ts";

/** The SDK's own default image, which FLOW's task has because it names none. */
const RUNTIME = "ghcr.io/flyteorg/flyte:py3.11-v2.12.1";

const FLOW = `
import time, urllib.request
import flyte

env = flyte.TaskEnvironment(name="e")

@env.task
async def ask(addresses: list[str]) -> list[str]:
    answers = []
    for address in addresses:
        begun = time.monotonic()
        try:
            answers.append(urllib.request.urlopen(f"http://{address}/", timeout=3).read().decode())
        except OSError:
            answers.append("no answer" if time.monotonic() - begun < 15 else "no answer, after a long time")
    return answers
`;

before(() => usePython(stockPython()));

const docker = await startDocker([RUNTIME]);
after(() => docker.stop());

async function listen(t: TestContext, host: string): Promise<number> {
  const server = createServer((_, response) => response.end(`the service at ${host}`));
  await once(server.listen(0, host), "listening");
  t.after(() => server.close());
  return (server.address() as AddressInfo).port;
}

async function freePort(): Promise<number> {
  const server = createServer();
  await once(server.listen(0, "127.0.0.1"), "listening");
  const { port } = server.address() as AddressInfo;
  await once(server.close(), "close");
  return port;
}

async function services(t: TestContext, engine: EngineCommand): Promise<void> {
  const [everywhere, loopback, shared] = [
    await listen(t, "0.0.0.0"),
    await listen(t, "127.0.0.1"),
    await listen(t, "127.0.0.1"),
  ];
  const free = await freePort();
  const config = join(await temporaryDirectory(t), "boxkite.yaml");
  // With TLS for others, containers go on to speak plain HTTP with the server: the task would not run otherwise.
  await writeFile(config, `tls-self-signed: true\nshare-ports:\n  ${free}: ${shared}\n`);
  const { run } = await processSubject(t, FLOW, ["--engine", engine, "--config", config]);
  const addresses = [
    `host.docker.internal:${everywhere}`,
    `host.containers.internal:${everywhere}`,
    `host.docker.internal:${loopback}`,
    `host.docker.internal:${free}`,
    `no-such-host.invalid:${everywhere}`,
  ];
  const { outputs, error } = await run("ask", { addresses });
  assert.deepEqual(
    outputs,
    [
      [
        "the service at 0.0.0.0",
        "the service at 0.0.0.0",
        "no answer",
        "the service at 127.0.0.1",
        "no answer",
      ],
    ],
    error ?? "",
  );
}

test("with podman", { skip: missingEngine("podman") ?? false }, (t) => services(t, "podman"));

test("with docker", { skip: docker.missing ?? false }, async (t) => {
  const before = process.env["DOCKER_HOST"];
  process.env["DOCKER_HOST"] = docker.env["DOCKER_HOST"];
  t.after(() => {
    if (before === undefined) delete process.env["DOCKER_HOST"];
    else process.env["DOCKER_HOST"] = before;
  });
  await services(t, "docker");
});
