/** Against a scripted engine: what the server says of a container that somebody else creates. */
import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import { ANSWERED, startFakeEngine, type FakeAnswer } from "../../../test/executors/fake-engine.ts";
import { connectEngine } from "../../containers/api.ts";
import { BoxkiteError } from "../../domain/errors.ts";
import { systemClock } from "../../lib/clock.ts";
import { silentLogger } from "../../lib/log.ts";
import type { AttemptSpec } from "../executor.ts";
import { createContainerExecutor } from "./container-executor.ts";
import { keyOfLabels, LABEL } from "./container-spec.ts";
import { removeInteractive } from "./interactive-container.ts";

const digest = `sha256:${"a".repeat(64)}`;
const SPEC: AttemptSpec = {
  key: { project: "p", domain: "d", run: "r", action: "a0", attempt: 1 },
  image: { reference: "h.io/app:1", pinned: `h.io/app@${digest}`, digest, source: "registry" },
  command: [],
  args: ["a0", "--inputs", "x"],
  env: { COLOUR: "green" },
  requests: {},
  limits: {},
  labels: { team: "blue" },
  secretFiles: { "/run/secrets/key": "hidden" },
};

async function setUp(t: TestContext, present: readonly object[] = []) {
  const answer: FakeAnswer = ({ method, path, query }, response) => {
    if (path.endsWith("/info")) return { Architecture: "x86_64", NCPU: 2, CgroupVersion: "2" };
    if (path.endsWith("/events")) return (response.flushHeaders(), ANSWERED);
    if (method === "DELETE") return {};
    if (path === "/containers/json") {
      const { label } = JSON.parse(query.get("filters") ?? "{}") as { readonly label: readonly string[] };
      return present.filter((each) =>
        label.every((wanted) =>
          Object.entries((each as { readonly Labels: Record<string, string> }).Labels).some(
            ([name, value]) => wanted === name || wanted === `${name}=${value}`,
          ),
        ),
      );
    }
    return path.startsWith("/images/") ? { Id: digest, Config: {} } : undefined;
  };
  const fake = await startFakeEngine(t, answer);
  const api = await connectEngine({ kind: "unix", socketPath: fake.socketPath });
  const executor = createContainerExecutor({
    api,
    info: await api.info(),
    instance: "i",
    log: silentLogger,
    clock: systemClock,
    endpointHost: () => "h",
  });
  t.after(async () => {
    await executor.close();
    api.close();
  });
  const { interactive } = executor;
  assert.ok(interactive !== undefined);
  return { fake, api, interactive };
}

const removed = (calls: readonly { readonly method: string; readonly path: string }[]) =>
  calls.filter(({ method }) => method === "DELETE").map(({ path }) => path);

test("it gets what an attempt gets, and nobody takes it for one", async (t) => {
  const { interactive, fake } = await setUp(t);
  const prepared = await interactive.prepare(
    { id: "1f", spec: SPEC, untilMs: 9 },
    AbortSignal.timeout(5_000),
  );
  const { engine, name, body, archive } = prepared;
  assert.deepEqual([engine, name], ["docker", "boxkite-reproduce-1f"]);
  assert.deepEqual([body["Image"], body["Cmd"]], [SPEC.image.pinned, SPEC.args]);
  assert.ok((body["Env"] as string[]).includes("COLOUR=green"));
  const labels = body["Labels"] as Record<string, string>;
  assert.deepEqual(labels, {
    team: "blue",
    [LABEL.kind]: "reproduction",
    [LABEL.instance]: "i",
    [LABEL.reproduction]: "1f",
    [LABEL.reproductionUntil]: "9",
  });
  assert.equal(keyOfLabels(labels), undefined);
  assert.ok(archive?.includes("hidden"));
  assert.ok(!fake.calls.some(({ path }) => path.endsWith("/create")), "whoever has the terminal creates it");
  await interactive.release({ id: "1f", spec: SPEC });
  assert.deepEqual(removed(fake.calls), ["/containers/boxkite-reproduce-1f"]);
});

test("the code that the server brings goes along, and nothing is unpacked where there is nothing", async (t) => {
  const { interactive } = await setUp(t);
  const { secretFiles: _, ...plain } = SPEC;
  const archives = [
    { source: "/data/archive.tar", target: "/app", owner: { uid: 1, gid: 1 }, directories: [] },
  ];
  const prepared = await interactive.prepare(
    { id: "1f", spec: { ...plain, archives }, untilMs: 9 },
    AbortSignal.timeout(5_000),
  );
  assert.deepEqual([prepared.archive, prepared.archives], [undefined, archives]);
});

test("what the engine cannot give an attempt is refused here, too", async (t) => {
  const { interactive } = await setUp(t);
  const spec = { ...SPEC, podTemplate: "none" };
  await assert.rejects(
    interactive.prepare({ id: "1f", spec, untilMs: 9 }, AbortSignal.timeout(5_000)),
    (error: unknown) =>
      error instanceof BoxkiteError && error.code === "INVALID_ARGUMENT" && error.hint !== undefined,
  );
});

test("what an earlier server of the instance has left is removed, and nothing else", async (t) => {
  const { api, fake } = await setUp(t, [
    {
      Id: "left",
      Labels: { [LABEL.kind]: "reproduction", [LABEL.instance]: "i", [LABEL.reproduction]: "1" },
    },
    // By a label of its image.
    {
      Id: "image-says-so",
      Labels: { [LABEL.kind]: "attempt", [LABEL.instance]: "i", [LABEL.reproduction]: "1" },
    },
    { Id: "of-another", Labels: { [LABEL.instance]: "j", [LABEL.reproduction]: "2" } },
    { Id: "attempt", Labels: { [LABEL.instance]: "i", [LABEL.run]: "r" } },
  ]);
  await removeInteractive(api, "i");
  assert.deepEqual(removed(fake.calls), ["/containers/left"]);
});
