/** A value for each option of an attempt, and a script that succeeds only where the executor honours it. */
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { AttemptOption, AttemptOptions } from "../../src/executors/attempt-options.ts";

interface Probe {
  readonly options: AttemptOptions;
  readonly script: string;
}

/** For what can only be refused so far: an executor that starts it has to bring its own proof. */
const UNPROVEN = "exit 9";

/** Whoever honours pod templates is given this one. */
export const TEMPLATES = new Map([["closed", { dropCapabilities: ["ALL"] }]]);

/** The caller removes `directory`. */
export function optionProbes(directory = mkdtempSync(join(tmpdir(), "boxkite-options-"))): {
  readonly directory: string;
  readonly probes: Readonly<Record<AttemptOption, Probe>>;
} {
  writeFileSync(join(directory, "file"), "content");
  mkdirSync(join(directory, "tar/folder"), { recursive: true });
  writeFileSync(join(directory, "tar/folder/file"), "content");
  spawnSync("tar", ["-cf", join(directory, "archive.tar"), "-C", join(directory, "tar"), "folder/file"]);
  return {
    directory,
    probes: {
      readOnlyMounts: {
        options: { readOnlyMounts: [{ source: directory, target: "/given" }] },
        script: '[ "$(cat /given/file)" = content ] && ! touch /given/other',
      },
      archives: {
        options: {
          archives: [
            {
              source: join(directory, "archive.tar"),
              directories: [{ name: "folder", mode: 0o755, isEmpty: false }],
              target: "/given/deep",
              owner: { uid: 0, gid: 0 },
            },
          ],
        },
        script: '[ "$(cat /given/deep/folder/file)" = content ] && touch /given/deep/other',
      },
      scratch: {
        options: { scratch: [{ target: "/scratch" }] },
        script: "touch /scratch/file && grep -q ' /scratch ' /proc/mounts",
      },
      tmpfs: {
        options: { tmpfs: [{ target: "/memory", sizeBytes: 1 << 20 }] },
        script:
          "grep -q ' /memory tmpfs' /proc/mounts && ! head -c 2000000 /dev/zero >/memory/file && [ \"$(stat -c %a /memory)\" = 1777 ]",
      },
      readOnlyRoot: { options: { readOnlyRoot: true }, script: "! touch /file" },
      noNewPrivileges: {
        options: { noNewPrivileges: true },
        script: "grep -q '^NoNewPrivs:[[:space:]]*1' /proc/self/status",
      },
      droppedCapabilities: {
        options: { droppedCapabilities: ["ALL"] },
        script: "grep -q '^CapEff:[[:space:]]*0000000000000000' /proc/self/status",
      },
      // Of a policy that drops all capabilities: see TEMPLATES.
      podTemplate: {
        options: { podTemplate: "closed" },
        script: "grep -q '^CapEff:[[:space:]]*0000000000000000' /proc/self/status",
      },
      // What no engine has: honoured is a start that fails.
      ociRuntime: { options: { ociRuntime: "boxkite-none" }, script: UNPROVEN },
      network: {
        options: { network: "none" },
        script: "! grep -v ' lo:' /proc/net/dev | grep ':'",
      },
      egress: {
        options: { egress: "none" },
        script: "! grep -q '[[:space:]]00000000[[:space:]]' /proc/net/route",
      },
      secretVariables: { options: { secretVariables: { TOKEN: "t" } }, script: '[ "$TOKEN" = t ]' },
      secretFiles: {
        options: { secretFiles: { "/run/secrets/token": "t" } },
        script: '[ "$(cat /run/secrets/token)" = t ]',
      },
      annotations: { options: { annotations: { a: "b" } }, script: UNPROVEN },
      nodes: { options: { nodes: { disk: "ssd" } }, script: UNPROVEN },
      pullSecrets: { options: { pullSecrets: ["registry"] }, script: UNPROVEN },
      serviceAccount: { options: { serviceAccount: "team" }, script: UNPROVEN },
      reuse: {
        options: {
          reuse: {
            shares: "environment v1",
            minReplicas: 0,
            maxReplicas: 1,
            concurrency: 1,
            idleTtlMs: 30_000,
            scaledownTtlMs: 30_000,
            scope: "global",
          },
        },
        // It allows that attempts follow others in a process, and a new one is as good.
        script: "true",
      },
    },
  };
}
