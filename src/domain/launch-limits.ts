/**
 * How fast and how many children a Python task launches. The SDK throttles itself (flyte/_internal/controllers/remote: 100
 * calls a second, 1,000 children that live) for a server that is slower; both are variables of its container, so that the
 * server's values are a default, which an image, a run or an environment overrides.
 */
type Variables = Readonly<Record<string, string>>;

const LAUNCHES_PER_SECOND = "_F_MAX_QPS";
const LIVE_CHILDREN = "_F_P_CNC";

/** More calls than one program makes: it takes 2.4 ms of a processor for each. */
const MOST_LAUNCHES = "1000";
/** 120 MB of the parent's memory. */
const MOST_CHILDREN = "2500";
/** With less memory than this a parent keeps the SDK's own limit, which is 48 MB. */
const SMALL_MEMORY_BYTES = 512 * 2 ** 20;
const SDK_CHILDREN = "1000";

export const LAUNCH_VARIABLES: readonly string[] = [LAUNCHES_PER_SECOND, LIVE_CHILDREN];

/** Those of the defaults that nobody has set. `set`: by the image, the run and the task; `memoryBytes`: the limit of the attempt. */
export function defaultLaunchLimits(set: Variables, memoryBytes: number | undefined): Variables {
  const isSmall = memoryBytes !== undefined && memoryBytes < SMALL_MEMORY_BYTES;
  const defaults = {
    [LAUNCHES_PER_SECOND]: MOST_LAUNCHES,
    [LIVE_CHILDREN]: isSmall ? SDK_CHILDREN : MOST_CHILDREN,
  };
  return Object.fromEntries(Object.entries(defaults).filter(([name]) => set[name] === undefined));
}

/** For people. `env`: all variables of an action. Undefined where nothing is set: the SDK's own limits hold. */
export function launchLimitsText(env: Variables): string | undefined {
  const { [LAUNCHES_PER_SECOND]: launches, [LIVE_CHILDREN]: live } = env;
  const parts = [
    ...(launches === undefined ? [] : [`${launches} launches a second`]),
    ...(live === undefined ? [] : [`${live} at a time`]),
  ];
  return parts.length === 0 ? undefined : `at most ${parts.join(", ")}`;
}
