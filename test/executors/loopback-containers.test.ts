/**
 * A real container that reaches this machine over its loopback, as those of engines without root do: slirp4netns gives
 * a rootful one the same network. Only the platform's word on that is the test's own.
 */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { test } from "node:test";
import { createConnectTransport } from "@connectrpc/connect-node";
import { tokenPath } from "../../src/executors/plain-environment.ts";
import { classWithoutBridges, type Reach } from "../../src/platform/reach.ts";
import { missingEngine, engineOutput } from "../helpers/engine.ts";
import { createFakeExecutor } from "../helpers/fake-executor.ts";
import { startInProcess } from "../helpers/in-process-server.ts";
import { startTask } from "../helpers/running-task.ts";

const IMAGE = "ghcr.io/flyteorg/flyte:py3.11-v2.12.1";
/** This machine's loopback, as slirp4netns lets a container reach it. */
const MACHINE = "10.0.2.2";
const LIST = "/flyteidl2.project.ProjectService/ListProjects";
const WHO = "/flyteidl2.auth.IdentityService/UserInfo";

/** Prints the status of a POST to each URL. */
const ASK = `
import json, sys, urllib.error, urllib.request
def status(url):
    request = urllib.request.Request(url, b"{}", {"content-type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status
    except urllib.error.HTTPError as error:
        return error.code
print(json.dumps([status(url) for url in sys.argv[1:]]))
`;

/** What slirp4netns needs of the machine; undefined where it is there. */
function missingNetwork(): string | undefined {
  if (!existsSync("/dev/net/tun")) return "/dev/net/tun is not there";
  return spawnSync("slirp4netns", ["--version"]).status === 0 ? undefined : "slirp4netns is not installed";
}

test(
  "a container over loopback is let in with its token, and without it nowhere",
  {
    skip: missingEngine("podman") ?? missingNetwork() ?? false,
  },
  async (t) => {
    const froms = new Set<string>();
    const reach: Reach = {
      listenAt: "127.0.0.1",
      accepts: (_, from) => {
        froms.add(from);
        return true;
      },
      classOf: classWithoutBridges,
    };
    const executor = createFakeExecutor();
    const server = await startInProcess(t, executor, {
      reach,
      taskReach: reach,
    });
    const baseUrl = server.url + tokenPath(server.localSecret);
    const transport = createConnectTransport({ baseUrl, httpVersion: "1.1" });
    const { spec } = await startTask(transport, executor, "r");
    const endpoint = spec.env["_U_EP_OVERRIDE"] ?? "";
    const token = endpoint.slice(endpoint.indexOf("/"));
    const [people, tasks] = [server.url, server.taskUrl].map((url) => url.replace("127.0.0.1", MACHINE));

    const rows: readonly [url: string, status: number][] = [
      [tasks + token + WHO, 200],
      [people + token + WHO, 200],
      // What its token does not open.
      [tasks + token + LIST, 403],
      [people + token + LIST, 403],
      [tasks + LIST, 401],
      [people + LIST, 401],
      [`${tasks}/t/bka.eA.eA${LIST}`, 401],
      [`${people}/t/bka.eA.eA${LIST}`, 401],
    ];
    froms.clear();
    const printed = await engineOutput("podman", [
      "run",
      "--rm",
      "--network=slirp4netns:allow_host_loopback=true",
      "--entrypoint=python",
      IMAGE,
      "-c",
      ASK,
      ...rows.map(([url]) => url),
    ]);
    assert.deepEqual(
      JSON.parse(printed),
      rows.map(([, status]) => status),
    );
    assert.deepEqual([...froms], ["127.0.0.1"], "the connections came over loopback");
  },
);
