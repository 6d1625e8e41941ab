/**
 * What tasks try to get out of their containers, from inside real ones, and what images may still do. Each script succeeds
 * where the container holds.
 */
import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import type { AttemptExit } from "../../src/domain/attempt.ts";
import type { EngineInfo } from "../../src/containers/types.ts";
import { memoryLimitOfMachine } from "../../src/executors/container/confinement.ts";
import type { AttemptSpec } from "../../src/executors/executor.ts";
import type { Recorder } from "./recorder.ts";

export interface EscapeSubject {
  readonly info: () => EngineInfo;
  /** Runs a script as root of a Debian image. */
  run(
    t: TestContext,
    script: string,
    more?: Partial<AttemptSpec>,
  ): Promise<{ readonly exit: AttemptExit; readonly recorder: Recorder }>;
}

interface Attempt {
  readonly name: string;
  readonly script: string;
}

/** Of a shell without tools for networks: connects, or fails. */
const connectTo = (host: string, port: number) =>
  `timeout 3 perl -MIO::Socket::INET -e 'exit(IO::Socket::INET->new(PeerAddr => "${host}", PeerPort => ${port}, Timeout => 2) ? 0 : 1)'`;

const HELD: readonly Attempt[] = [
  {
    name: "mounts a file system",
    script:
      "! mount -t tmpfs none /mnt && ! mount --bind /etc /mnt && ! mount -t proc none /mnt && ! unshare --mount true",
  },
  { name: "makes a device node", script: "! mknod /tmp/disk b 8 0 && ! mknod /tmp/kmsg c 1 11" },
  {
    name: "opens a raw socket",
    script: `! perl -MSocket -e 'socket(my $s, PF_INET, SOCK_RAW, 1) or exit 1' && ! perl -e 'socket(my $s, 17, 3, 768) or exit 1'`,
  },
  {
    name: "gains root by a setuid program",
    script: `cp /usr/bin/id /tmp/root-id && chmod 4755 /tmp/root-id && [ "$(setpriv --reuid=65534 --clear-groups /tmp/root-id -u)" = 65534 ]`,
  },
  {
    name: "has more capabilities than eight, or may gain some",
    script:
      "[ \"$(grep -E '^Cap(Eff|Bnd)' /proc/self/status | cut -f2 | sort -u)\" = 00000000000004fb ] && grep -q '^NoNewPrivs:.1' /proc/self/status",
  },
  { name: "runs without a seccomp filter", script: "grep -q '^Seccomp:.2' /proc/self/status" },
  {
    name: "writes settings of the kernel",
    script:
      "! sh -c 'echo 1 > /proc/sys/kernel/panic' && ! sh -c 'echo h > /proc/sysrq-trigger' && ! sh -c 'echo /tmp/x > /proc/sys/kernel/core_pattern' && ! touch /sys/kernel/x",
  },
  {
    name: "reaches the engine's socket",
    script:
      "! find / -xdev -type s \\( -name '*docker*' -o -name '*podman*' -o -name '*containerd*' \\) 2>/dev/null | grep . && ! ls /var/run/docker.sock /run/podman /run/containerd",
  },
  {
    name: "traces a process of root",
    script:
      "! setpriv --reuid=65534 --clear-groups sh -c 'cat /proc/1/mem' && ! nsenter --target 1 --mount true",
  },
  { name: "loads a module", script: "! perl -e 'exit(syscall(175, 0, 0, \"\") == 0 ? 0 : 1)'" },
];

/** What the eight capabilities are for. */
const ALLOWED: readonly Attempt[] = [
  {
    name: "an entrypoint changes its user, as gosu and su-exec do",
    script: `[ "$(setpriv --reuid=1000 --regid=1000 --clear-groups id -u)" = 1000 ] && [ "$(su -s /bin/sh nobody -c 'id -un')" = nobody ]`,
  },
  {
    name: "apt installs a package with files of another user",
    script: `set -e
mkdir -p /tmp/p/DEBIAN /tmp/p/usr/share/team && echo data > /tmp/p/usr/share/team/file
chown games:games /tmp/p/usr/share/team/file && chmod 2750 /tmp/p/usr/share/team
printf 'Package: team\\nVersion: 1\\nArchitecture: all\\nMaintainer: t <t@example.org>\\nDescription: d\\n' > /tmp/p/DEBIAN/control
printf '#!/bin/sh\\nuseradd --system team\\nchown team /usr/share/team/file\\n' > /tmp/p/DEBIAN/postinst && chmod 755 /tmp/p/DEBIAN/postinst
dpkg-deb --build /tmp/p /tmp/team.deb >/dev/null && apt-get install -y /tmp/team.deb >/dev/null
[ "$(stat -c %U /usr/share/team/file)" = team ] && dpkg -s team | grep -q installed`,
  },
  {
    name: "root listens on port 80 and ends processes of others",
    script: `perl -MIO::Socket::INET -e 'IO::Socket::INET->new(LocalPort => 80, Listen => 1) or exit 1' && { setpriv --reuid=1000 --clear-groups sleep 60 & kill $!; }`,
  },
];

/** On a real engine, where every test has the time that its containers need. */
export function escapeTests({ info, run }: EscapeSubject): void {
  const allSucceed = async (t: TestContext, attempts: readonly Attempt[]) => {
    const failed = await Promise.all(
      attempts.map(async ({ name, script }) => {
        const { exit, recorder } = await run(t, script);
        const output = [...recorder.textOf("stdout"), ...recorder.textOf("stderr")].join("\n");
        return exit.exitCode === 0 ? [] : [`${name}: ${output || JSON.stringify(exit)}`];
      }),
    );
    assert.deepEqual(failed.flat(), []);
  };

  test("a container holds what tries to get out", (t) => allSucceed(t, HELD));

  test("what entrypoints and package managers need works", (t) => allSucceed(t, ALLOWED));

  test("a fork bomb ends at 4,096 processes, and is named", async (t) => {
    // Threads would take less memory, but a shell has none; each one here is a sleeping copy of perl.
    const bomb = `exec perl -e '$n = 1; while (1) { my $p = fork(); if (!defined $p) { print "refused after $n: $!\\n"; kill "KILL", -1; exit 3 } $n++; if ($p == 0) { sleep 600; exit } }'`;
    const { exit, recorder } = await run(t, bomb);
    const [line = ""] = recorder.textOf("stdout");
    assert.match(line, /^refused after \d+: Resource temporarily unavailable$/u);
    const count = Number(/\d+/u.exec(line)?.[0]);
    assert.ok(count > 4_000 && count <= 4_096, line);
    if (process.platform === "linux") assert.equal(exit.processLimit, 4_096, JSON.stringify(exit));
  });

  test("memory is limited where the task asks for none", async (t) => {
    const script =
      "cat /sys/fs/cgroup/memory.max 2>/dev/null || cat /sys/fs/cgroup/memory/memory.limit_in_bytes";
    const { recorder } = await run(t, script);
    const limit = Number(recorder.textOf("stdout")[0]);
    const wanted = memoryLimitOfMachine(info().memoryBytes);
    // The kernel counts in pages.
    assert.ok(Math.abs(limit - wanted) < 65_536, `${limit} is not ${wanted}`);
  });

  test("this machine's loopback and files are out of reach", async (t) => {
    const server = createServer((socket) => socket.end("secret"));
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    t.after(() => server.close());
    const { port } = server.address() as AddressInfo;
    const directory = await mkdtemp(join(tmpdir(), "boxkite-held-"));
    t.after(() => rm(directory, { recursive: true, force: true }));
    await writeFile(join(directory, "boxkite.db"), "state");
    const hosts = ["127.0.0.1", "host.docker.internal", "host.containers.internal", "$gateway"];
    const script = [
      `gateway=$(perl -ne 'print join(".", reverse map { hex } unpack("(A2)*", $1)), "\\n" if /^\\S+\\t0{8}\\t(\\S{8})/' /proc/net/route)`,
      '[ -n "$gateway" ] || exit 2',
      ...hosts.map((host) => `! ${connectTo(host, port).replaceAll(`"${host}"`, `"'"${host}"'"`)} || exit 3`),
      `! cat ${directory}/boxkite.db || exit 4`,
      // Of the machine, nothing but what an engine makes for each container.
      `! grep -vE ' (/etc/(resolv.conf|hostname|hosts)|/run/.containerenv|/run/secrets|/(dev|proc|sys)(/.*)?|/) ' /proc/mounts || exit 5`,
    ].join("\n");
    const { exit, recorder } = await run(t, script);
    assert.equal(exit.exitCode, 0, recorder.textOf("stdout").concat(recorder.textOf("stderr")).join("\n"));
  });
}
