import assert from "node:assert/strict";
import { test } from "node:test";
import { isForkRefusedIn, memoryKillsIn, recordsSince } from "./kernel-log.ts";

/** As /dev/kmsg has it (Linux 5.10, cgroup v1), shortened. */
const LOG = `4,61007,27608088888,-;python3 invoked oom-killer: gfp_mask=0xcc0(GFP_KERNEL), order=0, oom_score_adj=0
6,61084,27608089138,-;oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset=libpod-aa11,mems_allowed=0,oom_memcg=/libpod_parent/libpod-aa11,task_memcg=/libpod_parent/libpod-aa11,task=python3,pid=14326,uid=0
3,61085,27608089151,-;Memory cgroup out of memory: Killed process 14326 (python3) total-vm:1241320kB, anon-rss:457984kB, file-rss:5932kB
6,61090,27608099138,-;oom-kill:constraint=CONSTRAINT_NONE,nodemask=(null),cpuset=/,mems_allowed=0,global_oom,task_memcg=/libpod_parent/libpod-bb22,task=node (work, er),pid=15,uid=0
3,61091,27608099151,-;Out of memory: Killed process 15 (node (work, er)) total-vm:9kB, anon-rss:8kB
6,61092,42446842360,-;cgroup: fork rejected by pids controller in /libpod_parent/libpod-dd44
`;

test("a kill for the container's limit names the process and what it used", () => {
  assert.deepEqual(memoryKillsIn(LOG, "aa11"), [{ process: "python3", of: "limit", bytes: 457_984 * 1024 }]);
});

test("a kill because the machine's memory ran out is another one", () => {
  assert.deepEqual(memoryKillsIn(LOG, "bb22"), [{ process: "node (work, er)", of: "machine", bytes: 8192 }]);
});

test("kills in other containers are not this one's", () => {
  assert.deepEqual(memoryKillsIn(LOG, "cc33"), []);
});

test("a container that was refused a process is told by its id", () => {
  assert.deepEqual(
    ["dd44", "aa11"].map((id) => isForkRefusedIn(LOG, id)),
    [true, false],
  );
});

test("in a container that several attempts use one after the other, only what happened since counts", () => {
  // Ten seconds ago the machine had been up for 27608.090 s.
  const now = { nowMs: 1_000_000, sinceBootMs: 27_618_090 };
  const since = (ms: number) => memoryKillsIn(recordsSince(LOG, ms, now), "aa11").length;
  assert.equal(since(989_990), 1);
  assert.equal(since(990_010), 0);
});
