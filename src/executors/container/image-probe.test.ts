/** Containers of a probe, with an engine that does what a test says; test/executors/image-probe.test.ts has a real one. */
import assert from "node:assert/strict";
import { PassThrough } from "node:stream";
import { suite, test } from "node:test";
import { NO_POLICY } from "./confinement.ts";
import type { EngineApi } from "../../containers/api.ts";
import { EngineResponseError } from "../../containers/http.ts";
import type { EngineInfo } from "../../containers/types.ts";
import { steppedClock } from "../../../test/helpers/stepped-clock.ts";
import { probeImage, type ProbedImage } from "./image-probe.ts";
import { END_WITHIN_MS, removeOldProbes } from "./image-probe-container.ts";

const INFO: EngineInfo = {
  architecture: "amd64",
  os: "linux",
  cpus: 2,
  memoryBytes: 8e9,
  rootless: false,
  cgroupVersion: "2",
  limits: { cpu: true, memory: true, pids: true },
  storageDriver: "overlay",
  swapLimit: true,
  ociRuntimes: [],
  operatingSystem: "",
};

interface Body {
  readonly Cmd: readonly string[];
  readonly Entrypoint?: readonly string[];
  readonly Labels: Readonly<Record<string, string>>;
  readonly HostConfig: Readonly<Record<string, unknown>>;
}

/** What a container writes and whether it ends then; or why it cannot be started. */
type Behaviour =
  | { readonly writes: string; readonly runsOn?: boolean; readonly exitCode?: number }
  | { readonly fails: string };

/** `behave` gets the nonce of the probe in `nonce`. */
function fakeEngine(behave: (body: Body, nonce: string) => Behaviour, paths: readonly string[] = []) {
  const bodies: Body[] = [];
  const removed: string[] = [];
  const streams = new Map<string, PassThrough>();
  const exitCodes = new Map<string, number>();
  const api = {
    engine: "podman",
    createContainer: async (_name: string, body: unknown) => {
      bodies.push(body as Body);
      return { kind: "created", id: String(bodies.length) };
    },
    attachContainer: async (id: string) => {
      const stream = new PassThrough();
      streams.set(id, stream);
      return stream;
    },
    startContainer: async (id: string) => {
      const body = bodies[Number(id) - 1];
      const nonce = body?.Cmd.find((each) => /^b[0-9a-f]{32}$/u.test(each)) ?? "";
      const behaviour = body === undefined ? { writes: "" } : behave(body, nonce);
      if ("fails" in behaviour) throw new EngineResponseError("start", 500, behaviour.fails);
      exitCodes.set(id, behaviour.exitCode ?? 0);
      const payload = Buffer.from(behaviour.writes);
      const head = Buffer.alloc(8);
      head[0] = 1;
      head.writeUInt32BE(payload.length, 4);
      const stream = streams.get(id);
      if (payload.length > 0) stream?.write(Buffer.concat([head, payload]));
      if (behaviour.runsOn !== true) stream?.end();
    },
    inspectContainer: async () => undefined,
    waitContainer: async (id: string) => exitCodes.get(id) ?? 0,
    removeContainer: async (id: string) => void removed.push(id),
    hasPath: async (_id: string, path: string) => paths.includes(path),
    listContainers: async () => [
      { id: "old", labels: { "dev.boxkite.kind": "probe", "dev.boxkite.probe-until": "1000" } },
      // By a label of its image.
      { id: "attempt", labels: { "dev.boxkite.kind": "attempt", "dev.boxkite.probe-until": "1000" } },
      { id: "young", labels: { "dev.boxkite.kind": "probe", "dev.boxkite.probe-until": "9000000000000" } },
    ],
  } as unknown as EngineApi;
  return { api, bodies, removed };
}

function probe(engine: ReturnType<typeof fakeEngine>, entrypoint: readonly string[], clock = steppedClock()) {
  const image: ProbedImage = {
    reference: "team/app:1",
    pinned: "sha256:1",
    config: {
      user: "",
      workdir: "/",
      entrypoint,
      cmd: [],
      env: { PATH: "/usr/bin:/bin" },
      volumes: [],
      stopSignal: "",
      healthcheck: false,
    },
  };
  const context = { api: engine.api, info: INFO, policy: NO_POLICY, instance: "i", clock };
  return probeImage(context, image);
}

const shell = (nonce: string, more = "") =>
  `banner\n${nonce} begin sh\n${nonce} uid 0\n${more}${nonce} end \n`;
const NOT_FOUND = 'exec: "sh": executable file not found in $PATH';

suite("containers of a probe", () => {
  test("one is enough where the ENTRYPOINT executes its arguments", async () => {
    const engine = fakeEngine((_body, nonce) => ({ writes: shell(nonce) }));
    const facts = await probe(engine, ["/entry.sh"]);
    assert.deepEqual([facts.entrypoint, facts.shell, facts.complete], ["passes", true, true]);
    assert.equal(
      (
        await probe(
          fakeEngine((_b, nonce) => ({ writes: shell(nonce) })),
          [],
        )
      ).entrypoint,
      "none",
    );
    const [body] = engine.bodies;
    assert.equal(body?.Entrypoint, undefined);
    assert.equal(body?.HostConfig["NetworkMode"], "none");
    assert.deepEqual(body?.HostConfig["SecurityOpt"], ["no-new-privileges"]);
    assert.match(JSON.stringify(body?.HostConfig["CapDrop"]), /"SYS_ADMIN"/u);
    assert.equal(body?.Labels["dev.boxkite.probe"], "i");
    assert.deepEqual(engine.removed, ["1"]);
  });

  test("a second one replaces an ENTRYPOINT that does not", async () => {
    const engine = fakeEngine(({ Entrypoint }, nonce) =>
      Entrypoint === undefined ? { writes: "usage: serve\n" } : { writes: shell(nonce) },
    );
    const facts = await probe(engine, ["/serve"]);
    assert.deepEqual([facts.entrypoint, facts.entrypointOutput], ["swallows", "usage: serve"]);
    assert.deepEqual(engine.bodies[1]?.Entrypoint, ["/bin/sh"]);
    assert.deepEqual(engine.removed, ["1", "2"]);
  });

  test("a script that would execute its arguments may only wait for something", async () => {
    const engine = fakeEngine(({ Entrypoint }, nonce) =>
      Entrypoint === undefined
        ? { writes: "waiting for db:5432\n" }
        : { writes: shell(nonce, `${nonce} forwards /entry.sh\n`) },
    );
    assert.equal((await probe(engine, ["/entry.sh"])).entrypoint, "unknown");
  });

  test("a program that failed may pass them on where it has what it needs; an interpreter never does", async () => {
    const failing = () =>
      fakeEngine(({ Entrypoint }, nonce) =>
        Entrypoint === undefined ? { writes: "no route to vault\n", exitCode: 1 } : { writes: shell(nonce) },
      );
    assert.equal((await probe(failing(), ["/usr/bin/vault-env"])).entrypoint, "unknown");
    assert.equal((await probe(failing(), ["/usr/bin/python3.11"])).entrypoint, "swallows");
  });

  test("nothing is known of an ENTRYPOINT where nothing could be started", async () => {
    const engine = fakeEngine(() => ({ writes: "", exitCode: 1 }));
    assert.deepEqual((await probe(engine, ["/wrapper"])).entrypoint, "unknown");
    assert.deepEqual((await probe(engine, [])).entrypoint, "none");
  });

  test("a server as ENTRYPOINT is ended, and so is an interpreter that hangs", async () => {
    const clock = steppedClock();
    const engine = fakeEngine(({ Entrypoint }, nonce) =>
      Entrypoint === undefined
        ? { writes: "listening\n", runsOn: true }
        : { writes: `${nonce} begin sh\n${nonce} python-path /usr/bin/python\n`, runsOn: true },
    );
    const work = probe(engine, ["/serve"], clock);
    let isOver = false;
    void work.finally(() => (isOver = true));
    while (!isOver) await clock.step(END_WITHIN_MS / 4);
    const facts = await work;
    assert.deepEqual([facts.entrypoint, facts.complete], ["swallows", false]);
    assert.deepEqual(
      facts.pythons.map(({ path }) => path),
      ["/usr/bin/python"],
    );
    assert.deepEqual(engine.removed, ["1", "2"]);
  });

  test("without a shell, interpreters are started by their full paths", async () => {
    const engine = fakeEngine(
      ({ Cmd, Entrypoint = [] }, nonce) => {
        const [program] = [...Entrypoint, ...Cmd];
        return program === "/usr/bin/python3"
          ? {
              writes: `${nonce} begin python\n${nonce} python-path ${program}\n${nonce} python version=3.11.2\n${nonce} end\n`,
            }
          : { fails: NOT_FOUND };
      },
      ["/usr/bin", "/usr/bin/python3", "/usr/bin/a0"],
    );
    const facts = await probe(engine, []);
    assert.deepEqual([facts.shell, facts.entrypoint, facts.pythons[0]?.version], [false, "none", "3.11.2"]);
    assert.equal(facts.programs["a0"], "/usr/bin/a0");
  });

  test("an image with nothing in it is no error", async () => {
    const facts = await probe(
      fakeEngine(() => ({ fails: NOT_FOUND })),
      [],
    );
    assert.deepEqual([facts.shell, facts.complete, facts.pythons], [false, true, []]);
  });

  test("why no container of it can be started is a fact", async () => {
    const facts = await probe(
      fakeEngine(() => ({ fails: "unable to find user app: no matching entries in passwd file" })),
      [],
    );
    assert.equal(facts.startFailure?.code, "IMAGE_USER_NOT_FOUND");
    assert.match(facts.startFailure?.hint ?? "", /USER as a number/u);
  });

  test("a fault of the engine is an error, and leaves no container", async () => {
    const engine = fakeEngine(() => ({ fails: "setting rlimit: operation not permitted" }));
    await assert.rejects(probe(engine, []), { code: "ENGINE_FAILED" });
    assert.deepEqual(engine.removed, ["1"]);
  });

  test("only what is left over is removed", async () => {
    const { api, removed } = fakeEngine(() => ({ writes: "" }));
    await removeOldProbes({ api, clock: steppedClock(5_000) });
    assert.deepEqual(removed, ["old"]);
  });
});
