/**
 * A Docker daemon for one test file: its images, containers and state are in a temporary directory, its network is a
 * bridge of its own, and the machine's firewall and forwarding are not changed. It ends with the test's process,
 * however that ends.
 *
 * Without firewall rules containers reach only this machine, so builds that download need `--network=host`.
 *
 * `BOXKITE_TEST_DOCKERD_OPTIONS` replaces the options by which it leaves the firewall alone: see
 * test/executors/docker-firewall.test.ts, which runs tests in a network namespace.
 */
import { spawn, spawnSync, type ChildProcess } from "node:child_process";
import { randomBytes, randomInt } from "node:crypto";
import { once } from "node:events";
import { mkdtemp, writeFile } from "node:fs/promises";
import { networkInterfaces, tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { connectEngine } from "../../src/containers/api.ts";
import { messageOf } from "../../src/domain/errors.ts";
import { LOGGED_RUNTIME, writeLoggedRuntime, type LoggedRuntime } from "./logged-runtime.ts";
import { until } from "./until.ts";

export interface TestDocker {
  /** Why there is no daemon; the rest may then not be used. REQUIRE_ENGINES=docker makes that a failure. */
  readonly missing: string | undefined;
  /** Variables with which docker's command line and Boxkite use the daemon. */
  readonly env: NodeJS.ProcessEnv;
  /** This machine's address on the containers' network. */
  readonly gateway: string;
  /** Registered by the name LOGGED_RUNTIME. */
  readonly runtime: LoggedRuntime;
  stop(): Promise<void>;
}

/** It usually takes a second; the machine may be busy. */
const START_TIMEOUT_MS = 120_000;

/** Where the set-up has unpacked Debian's packages, with a client of the same version. */
const UNPACKED = process.env["BOXKITE_TEST_DOCKER"];
const PATH = [
  ...(UNPACKED ? [join(UNPACKED, "usr/bin"), join(UNPACKED, "usr/sbin")] : []),
  process.env["PATH"] ?? "",
  "/usr/sbin",
].join(delimiter);

/**
 * Ends the daemon at the end of standard input, and then removes the bridges and the directory. Bridges of its networks
 * outlive a daemon; its own database has their names.
 */
const KEEPER = `exec 3<&0
directory=$1 bridge=$2 address=$3; shift 3
[ -e /etc/docker ] || new=yes
clean_up() {
  networks=$(grep -aohE '"BridgeName":"[^"]+"' "$directory/data/network/files/local-kv.db" 2>/dev/null)
  for each in "$bridge" $(echo "$networks" | cut -d '"' -f 4); do ip link delete "$each" 2>/dev/null; done
  # The network namespace of this machine, mounted there for containers that share it.
  umount "$directory"/exec/netns/* 2>/dev/null
  rm -rf "$directory"
  # Docker 20 writes a key there regardless of its settings.
  [ -z "$new" ] || rm -rf /etc/docker
}
ip link add name "$bridge" type bridge && ip address add "$address/24" dev "$bridge" &&
  ip link set "$bridge" up || { clean_up; exit 1; }
dockerd --log-level=error --config-file="$directory/daemon.json" --host="unix://$directory/docker.sock" \
  --data-root="$directory/data" --exec-root="$directory/exec" --pidfile="$directory/pid" \
  --containerd-namespace="$bridge" --containerd-plugins-namespace="$bridge-plugins" \
  --bridge="$bridge" --shutdown-timeout=1 "$@" 3<&- & daemon=$!
{ read -r _; kill "$daemon"; } <&3 2>/dev/null & watcher=$!
wait "$daemon"
kill "$watcher" 2>/dev/null
clean_up`;

const OPTIONS =
  process.env["BOXKITE_TEST_DOCKERD_OPTIONS"] ??
  "--iptables=false --ip6tables=false --ip-forward=false --ip-masq=false --userland-proxy=false";

/** Starts a daemon and copies these images into it from podman, where the set-up has created them. */
export async function startDocker(images: readonly string[] = []): Promise<TestDocker> {
  try {
    const daemon = await startDaemon();
    try {
      copyImages(images, daemon.env);
    } catch (error) {
      await daemon.stop();
      throw error;
    }
    return { missing: undefined, ...daemon };
  } catch (error) {
    const missing = `no Docker daemon for tests: ${messageOf(error)}`;
    if ((process.env["REQUIRE_ENGINES"] ?? "").split(",").includes("docker")) {
      throw new Error(`REQUIRE_ENGINES names docker: ${missing}`, { cause: error });
    }
    const runtime = { program: "", calls: async () => [] };
    return { missing, env: {}, gateway: "", runtime, stop: async () => {} };
  }
}

async function startDaemon(): Promise<Omit<TestDocker, "missing">> {
  const why = cannotStart();
  if (why !== undefined) throw new Error(why);
  const directory = await mkdtemp(join(tmpdir(), "boxkite-dockerd-"));
  const gateway = freeGateway();
  const env = { PATH, DOCKER_HOST: `unix://${join(directory, "docker.sock")}` };
  // The machine's own settings belong to another daemon.
  const runtime = await writeLoggedRuntime(directory, PATH);
  const settings = { runtimes: { [LOGGED_RUNTIME]: { path: runtime.program } } };
  await writeFile(join(directory, "daemon.json"), JSON.stringify(settings));
  const bridge = `docker${randomBytes(4).toString("hex")}`;
  const keeper = spawn("/bin/sh", ["-c", KEEPER, "sh", directory, bridge, gateway, ...OPTIONS.split(" ")], {
    env: { ...process.env, ...env },
    stdio: ["pipe", "ignore", "pipe"],
    // Ctrl-C in the terminal goes to the tests, which then end the daemon.
    detached: true,
  });
  let stderr = "";
  keeper.stderr.setEncoding("utf8").on("data", (text: string) => (stderr = (stderr + text).slice(-4_000)));
  keeper.stdin.on("error", () => {});
  const ended = once(keeper, "close");
  const stop = async () => {
    keeper.stdin.end();
    await ended;
  };
  try {
    const socketPath = join(directory, "docker.sock");
    await until(async () => hasEnded(keeper) || (await answers(socketPath)), START_TIMEOUT_MS);
  } catch {
    await stop();
  }
  if (hasEnded(keeper)) throw new Error(`dockerd did not start: ${stderr.trim().split("\n").at(-1)}`);
  return { env, gateway, runtime, stop };
}

function cannotStart(): string | undefined {
  if (process.platform !== "linux") return "it needs Linux";
  if (process.getuid?.() !== 0) return "it needs root";
  for (const program of ["dockerd", "docker", "ip"]) {
    const { error } = spawnSync(program, ["--version"], { env: { PATH } });
    if (error !== undefined) return `${program} is not installed`;
  }
  return undefined;
}

function hasEnded({ exitCode, signalCode }: ChildProcess): boolean {
  return exitCode !== null || signalCode !== null;
}

async function answers(socketPath: string): Promise<boolean> {
  try {
    (await connectEngine({ kind: "unix", socketPath })).close();
    return true;
  } catch {
    return false;
  }
}

/** An address in a range that is not used by default, and that this machine does not have. */
function freeGateway(): string {
  const used = Object.values(networkInterfaces()).flatMap((each) => each ?? []);
  for (;;) {
    const prefix = `10.213.${randomInt(1, 255)}.`;
    if (!used.some(({ address }) => address.startsWith(prefix))) return `${prefix}1`;
  }
}

function copyImages(images: readonly string[], env: NodeJS.ProcessEnv): void {
  if (images.length === 0) return;
  // Without pipefail a failure of `podman save` is noticed by `docker load`: the archive is truncated.
  const script = 'podman save --multi-image-archive "$@" | docker load --quiet';
  const { status, stderr } = spawnSync("/bin/sh", ["-c", script, "sh", ...images], {
    env: { ...process.env, ...env },
    encoding: "utf8",
  });
  if (status !== 0) throw new Error(`its images could not be copied from podman: ${stderr.trim()}`);
}
