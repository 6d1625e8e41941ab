import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { SharedBuilds } from "./shared-build.ts";

function waiter() {
  const lines: string[] = [];
  const controller = new AbortController();
  return {
    lines,
    leave: () => controller.abort(new Error("left")),
    onLog: (line: string) => void lines.push(line),
    signal: controller.signal,
  };
}

/** A build that ends when it is told to, or is stopped. */
function slowBuild() {
  const end = Promise.withResolvers<string>();
  const stopped: unknown[] = [];
  let starts = 0;
  return {
    end,
    stopped,
    starts: () => starts,
    run: (log: (line: string) => void, signal: AbortSignal) => {
      starts++;
      log("started");
      signal.addEventListener("abort", () => {
        stopped.push(signal.reason);
        end.reject(signal.reason);
      });
      return end.promise;
    },
  };
}

suite("shared builds", () => {
  test("equal requests share one build and its log, whoever comes late", async () => {
    const builds = new SharedBuilds<string>();
    const build = slowBuild();
    const [first, second] = [waiter(), waiter()];
    const results = [builds.join("a", first, build.run), builds.join("a", second, build.run)];
    build.end.resolve("image");
    assert.deepEqual(await Promise.all(results), ["image", "image"]);
    assert.equal(build.starts(), 1);
    assert.deepEqual(second.lines, ["started"]);
  });

  test("who leaves does not stop what another waits for; the last one does", async () => {
    const builds = new SharedBuilds<string>();
    const build = slowBuild();
    const [first, second] = [waiter(), waiter()];
    const results = [builds.join("a", first, build.run), builds.join("a", second, build.run)];
    first.leave();
    await assert.rejects(results[0] ?? assert.fail(), /left/);
    assert.equal(build.stopped.length, 0);
    second.leave();
    await assert.rejects(results[1] ?? assert.fail(), /left/);
    assert.equal(build.stopped.length, 1);
  });

  test("who asks in the moment of the abort gets a build of their own", async () => {
    const builds = new SharedBuilds<string>();
    const [old, fresh] = [slowBuild(), slowBuild()];
    const first = waiter();
    const left = builds.join("a", first, old.run);
    first.leave();
    const second = builds.join("a", waiter(), fresh.run);
    fresh.end.resolve("image");
    assert.equal(await second, "image");
    await assert.rejects(left, /left/);
  });

  test("who left before it began starts nothing", async () => {
    const build = slowBuild();
    const gone = waiter();
    gone.leave();
    await assert.rejects(new SharedBuilds<string>().join("a", gone, build.run), /left/);
    assert.equal(build.starts(), 0);
  });
});
