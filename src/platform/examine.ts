/** The report on an engine for `boxkite up` and `boxkite doctor`: what it is, what does not work, what to change. */
import type { Advice, EngineReport } from "./platform.ts";
import type { EngineInfo, EngineName } from "../containers/types.ts";
import type { FoundEngine } from "../containers/find.ts";

export function examineEngine(
  { api, how }: Pick<FoundEngine, "api" | "how">,
  info: EngineInfo,
): EngineReport {
  const facts = [
    ...(info.rootless ? ["rootless"] : []),
    `cgroups v${info.cgroupVersion ?? "?"}`,
    `storage ${info.storageDriver}`,
  ];
  return {
    summary: `${api.engine} ${api.version} (${how}): ${facts.join(", ")}`,
    advice: [...idsAdvice(info), ...limitsAdvice(info), ...storageAdvice(api.engine, info)],
  };
}

/** Usually a user has 65,536 subordinate ids besides its own. */
function idsAdvice({ userIds }: EngineInfo): Advice[] {
  if (userIds === undefined || userIds > 1) return [];
  return [
    {
      what: "this user may give its containers one user's id only: images with files of others cannot be unpacked",
      hint: 'usermod --add-subuids 100000-165535 --add-subgids 100000-165535 "$USER" (as root), then: podman system migrate',
    },
  ];
}

function limitsAdvice({ limits, rootless, cgroupVersion }: EngineInfo): Advice[] {
  const missing = (["memory", "cpu", "pids"] as const).filter((name) => !limits[name]);
  if (missing.length === 0) return [];
  const what = `limits of ${missing.join(" and ")} are not enforced`;
  if (!rootless) {
    return [{ what, hint: "boot the kernel with cgroup_enable=memory swapaccount=1, or with cgroups v2" }];
  }
  const hint =
    cgroupVersion === "2"
      ? "let systemd hand the controllers on, then log in again: mkdir -p /etc/systemd/system/user@.service.d && printf '[Service]\\nDelegate=cpu cpuset io memory pids\\n' > /etc/systemd/system/user@.service.d/delegate.conf && systemctl daemon-reload"
      : "without root they need cgroups v2: boot with systemd.unified_cgroup_hierarchy=1; or run the engine as root";
  return [{ what, hint }];
}

function storageAdvice(engine: EngineName, { storageDriver, rootless }: EngineInfo): Advice[] {
  if (storageDriver !== "vfs") return [];
  const file = rootless ? "~/.config/containers/storage.conf" : "/etc/containers/storage.conf";
  return [
    {
      what: "storage driver vfs copies the whole image for each container: slow, and large on the disk",
      hint:
        engine === "podman"
          ? `write [storage] and driver = "overlay" into ${file}, then: podman system reset (it removes all images and containers)`
          : `keep Docker's data on ext4 or xfs: "data-root" in /etc/docker/daemon.json`,
    },
  ];
}
