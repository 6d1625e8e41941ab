/**
 * The networks of runs with a Docker that manages the firewall, as it does by default: in a network namespace, with a
 * second one as the outer network, so that the machine's own rules stay as they are.
 */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { test } from "node:test";

const ROOT = join(import.meta.dirname, "../..");
const OUTSIDE = "192.0.2.1";
const LISTENER = `require("net").createServer((socket) => socket.end()).listen(7001)`;

/** The outer network: arguments are the inner script, and the command that it runs. */
const OUTER = `ip link set lo up
"$NODE" -e '${LISTENER}' & listener=$!
trap 'kill $listener' EXIT
inner=$1; shift
unshare --net sh -c "$inner" sh $$ "$@"`;
/** Docker turns forwarding on, and lets no packet through that its rules do not allow. */
const INNER = `outer=/proc/$1/ns/net; shift
ip link set lo up
nsenter --net=$outer ip link add remote type veth peer name outer netns $$ &&
  nsenter --net=$outer ip address add ${OUTSIDE}/24 dev remote && nsenter --net=$outer ip link set remote up &&
  ip address add 192.0.2.2/24 dev outer && ip link set outer up && ip route add default via ${OUTSIDE} &&
  echo 0 > /proc/sys/net/ipv4/ip_forward && exec "$@"`;

const missing = process.platform !== "linux" || process.getuid?.() !== 0 ? "it needs root on Linux" : false;

test("Docker with its own rules", { skip: missing, timeout: 300_000 }, () => {
  const command = [process.execPath, "scripts/test.ts", "test/executors/run-networks.test.ts"];
  const { NODE_TEST_CONTEXT: _, ...env } = process.env;
  const { status, stdout, stderr } = spawnSync(
    "unshare",
    ["--net", "sh", "-c", OUTER, "sh", INNER, ...command],
    {
      cwd: ROOT,
      encoding: "utf8",
      env: {
        ...env,
        NODE: process.execPath,
        PATH: `${env["PATH"]}:/usr/sbin:/sbin`,
        BOXKITE_TEST_ENGINE: "docker",
        BOXKITE_TEST_OUTSIDE: OUTSIDE,
        BOXKITE_TEST_DOCKERD_OPTIONS: "--iptables=true",
      },
    },
  );
  assert.equal(status, 0, `${stdout}\n${stderr}`);
});
