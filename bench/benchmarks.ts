/** All benchmarks, by topic, in the order in which they run and stand in docs/performance.md. */
import type { Benchmark } from "./helpers/measure.ts";
import { audit } from "./measures/audit.ts";
import { builds } from "./measures/builds.ts";
import { callers } from "./measures/callers.ts";
import { codeBundle } from "./measures/code-bundle.ts";
import { codeChange } from "./measures/code-change.ts";
import { cold } from "./measures/cold.ts";
import { container } from "./measures/container.ts";
import { enqueue } from "./measures/enqueue.ts";
import { events } from "./measures/events.ts";
import { fanout } from "./measures/fanout.ts";
import { floors } from "./measures/floors.ts";
import { imageCheck } from "./measures/image-check.ts";
import { list } from "./measures/list.ts";
import { logs } from "./measures/logs.ts";
import { manyActions } from "./measures/many-actions.ts";
import { networks } from "./measures/networks.ts";
import { objects } from "./measures/objects.ts";
import { processor } from "./measures/processor.ts";
import { resident } from "./measures/resident.ts";
import { runs } from "./measures/runs.ts";
import { held, shapes, swarm, swarmLarge } from "./measures/shapes.ts";
import { start } from "./measures/start.ts";
import { teamImage } from "./measures/team-image.ts";
import { timers } from "./measures/timers.ts";
import { typescript } from "./measures/typescript.ts";
import { vendor } from "./measures/vendor.ts";
import { warm } from "./measures/warm.ts";
import { watch } from "./measures/watch.ts";
import { watchers } from "./measures/watchers.ts";
import { zeroBuild } from "./measures/zero-build.ts";

export interface Topic {
  readonly title: string;
  readonly benchmarks: readonly Benchmark[];
}

export const TOPICS: readonly Topic[] = [
  { title: "The vendor's shapes", benchmarks: [shapes, swarm, held, swarmLarge, vendor] },
  { title: "Cold actions", benchmarks: [floors, cold, processor, container, networks, zeroBuild, fanout] },
  { title: "Warm actions", benchmarks: [warm, resident, teamImage] },
  { title: "The server", benchmarks: [start, enqueue, watch, watchers, events, manyActions, timers] },
  { title: "Lists, objects and logs", benchmarks: [list, runs, objects, logs] },
  { title: "Callers", benchmarks: [callers, audit] },
  { title: "Images and code", benchmarks: [builds, codeChange, codeBundle, imageCheck] },
  { title: "The TypeScript SDK", benchmarks: [typescript] },
];

export const BENCHMARKS: readonly Benchmark[] = TOPICS.flatMap(({ benchmarks }) => benchmarks);
