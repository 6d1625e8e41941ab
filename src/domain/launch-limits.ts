/**
 * How fast and how many children a Python task launches. The SDK throttles itself (flyte/_internal/controllers/remote: 100
 * calls a second, 1,000 children that live) for a server that is slower; both are variables of its container, so that the
 * server's values are a default, which a run or an environment overrides.
 */
type Variables = Readonly<Record<string, string>>;

const LAUNCHES_PER_SECOND = "_F_MAX_QPS";
const LIVE_CHILDREN = "_F_P_CNC";

/** More calls than one program makes (it takes 2.4 ms of a processor for each); 2,500 children are 120 MB of its memory. */
const DEFAULTS: Variables = { [LAUNCHES_PER_SECOND]: "1000", [LIVE_CHILDREN]: "2500" };

/** The variables of a run, with the defaults that it does not set itself: recorded with the run, as all its variables. */
export function withLaunchLimits(env: Variables): Variables {
  return { ...DEFAULTS, ...env };
}

/** For people. `env`: all variables of an action. Undefined for runs of earlier versions, which had no defaults. */
export function launchLimitsText(env: Variables): string | undefined {
  const { [LAUNCHES_PER_SECOND]: launches, [LIVE_CHILDREN]: live } = env;
  const parts = [
    ...(launches === undefined ? [] : [`${launches} launches a second`]),
    ...(live === undefined ? [] : [`${live} at a time`]),
  ];
  return parts.length === 0 ? undefined : `at most ${parts.join(", ")}`;
}
