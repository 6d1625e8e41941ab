/** The container executor on a real engine: what every executor does, and what only containers can. */
import type { ResolvedImage } from "../../src/domain/image.ts";
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import { connect, createServer as createSocketServer, type AddressInfo, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test, type TestContext } from "node:test";
import { createContainerExecutor } from "../../src/executors/container/container-executor.ts";
import { containerName, LABEL } from "../../src/executors/container/container-spec.ts";
import { createPodmanRuntimes } from "../../src/containers/podman-runtimes.ts";
import { connectEngine, type EngineApi } from "../../src/containers/api.ts";
import type { EngineInfo } from "../../src/containers/types.ts";
import type { FoundEngine } from "../../src/containers/find.ts";
import { readEngineNetwork } from "../../src/platform/network.ts";
import { probeFromContainer } from "../../src/platform/probe.ts";
import { countGpus } from "../../src/executors/machine.ts";
import type { AttemptOption } from "../../src/executors/attempt-options.ts";
import type { AttemptSpec, Executor } from "../../src/executors/executor.ts";
import { BoxkiteError } from "../../src/domain/errors.ts";
import { systemClock } from "../../src/lib/clock.ts";
import { silentLogger } from "../../src/lib/log.ts";
import { engineCommand, engineOutput, insecureRegistryEnv } from "../helpers/engine.ts";
import { LOGGED_RUNTIME } from "../helpers/logged-runtime.ts";
import { missingRegistry, startRegistry, type TestRegistry } from "../helpers/registry.ts";
import { KEEP_RUNNING } from "../helpers/shell.ts";
import { until } from "../helpers/until.ts";
import { executorConformance } from "./conformance.ts";
import { engineForTests, TEST_ENGINES, TEST_IMAGE, type TestEngine } from "./engine-for-tests.ts";
import { escapeTests } from "./escapes.ts";
import { TEMPLATES } from "./option-probes.ts";
import { Recorder } from "./recorder.ts";

const HONOURED: readonly AttemptOption[] = [
  "readOnlyMounts",
  "archives",
  "scratch",
  "tmpfs",
  "readOnlyRoot",
  "noNewPrivileges",
  "droppedCapabilities",
  "ociRuntime",
  "podTemplate",
  "network",
  "secretVariables",
  "secretFiles",
  "reuse",
];

for (const name of TEST_ENGINES) {
  const engine = await engineForTests(name);
  after(() => engine.close());
  executorConformance(
    name,
    async () => {
      const found = await engine.open();
      const { api } = found;
      const info = await api.info();
      const instance = newInstance();
      const open = () => newExecutor(api, info, instance);
      const image = await engineImage(api, TEST_IMAGE);
      return {
        executor: open(),
        reopen: async () => open(),
        ended: (key) =>
          until(async () => (await api.inspectContainer(containerName(instance, key)))?.running === false),
        honours: HONOURED,
        shell: (script) => ({ image, command: ["sh", "-c"], args: [script] }),
        close: () => found.close(),
      };
    },
    { skip: engine.missing },
  );
  describe(`containers of ${name}`, { skip: engine.missing ?? false, timeout: 300_000 }, () =>
    containerTests(engine),
  );
}

/** `build` without asking a registry. Podman's steps share this machine's network, which costs least. */
const BUILD = {
  podman: ["build", "--isolation", "chroot", "--pull=never", "--quiet"],
  docker: ["build", "--quiet"],
} as const;

/** What only containers can. It builds images with the engine's own program, and breaks its socket. */
function containerTests(engine: TestEngine): void {
  const cli = (args: readonly string[]) => engineOutput(engine.name, args, env);
  let found: FoundEngine;
  let api: EngineApi;
  let info: EngineInfo;
  let image: ResolvedImage;
  let directory: string;
  let registry: TestRegistry | undefined;
  let env: NodeJS.ProcessEnv;
  const built: string[] = [];
  const instance = newInstance();

  before(async () => {
    directory = await mkdtemp(join(tmpdir(), "boxkite-containers-"));
    if (missingRegistry() === undefined) registry = await startRegistry(join(directory, "registry"));
    const settings = registry ? await insecureRegistryEnv(directory, registry.host) : {};
    env = { ...engine.env, ...settings };
    // A service of our own: the registry's settings are read when it starts.
    found = await engine.open(settings);
    ({ api } = found);
    info = await api.info();
    image = await engineImage(api, TEST_IMAGE);
  });

  after(async () => {
    const left = await api.listContainers([`${LABEL.instance}=${instance}`]);
    for (const { id } of left) await api.removeContainer(id);
    for (const name of built) await api.removeImage(name);
    await found.close();
    await registry?.stop();
    await rm(directory, { recursive: true, force: true });
    assert.deepEqual(left, [], "every test releases its attempts");
  });

  const build = async (
    containerfile: string,
    name = `localhost/boxkite-test/${newInstance()}`,
  ): Promise<ResolvedImage> => {
    const file = join(directory, "Containerfile");
    await writeFile(file, `FROM ${TEST_IMAGE}\n${containerfile}`);
    await cli([...BUILD[engine.name], "-t", name, "-f", file, directory]);
    built.push(name);
    return engineImage(api, name);
  };
  const executorOf = (
    t: TestContext,
    more: Partial<Parameters<typeof createContainerExecutor>[0]> = {},
  ): Executor => {
    const executor = createContainerExecutor({ ...options(api, info, instance), ...more });
    t.after(() => executor.close());
    return executor;
  };
  const run = async (t: TestContext, executor: Executor, more: Partial<AttemptSpec>) => {
    const spec = newSpec({ image, ...more });
    const recorder = new Recorder();
    t.after(() => api.removeContainer(containerName(instance, spec.key)));
    await executor.start(spec, recorder.sink, recorder.observer);
    return { recorder, spec, exit: await recorder.ended };
  };

  test("the image's own WORKDIR, USER, ENV and ENTRYPOINT are honoured", async (t) => {
    const own = await build(
      'RUN echo "u:x:1234:1234::/:/bin/sh" >> /etc/passwd\nENV OWN=yes BOTH=image PATH=/opt/x:/usr/bin:/bin\nWORKDIR /work dir\nUSER u\nENTRYPOINT ["sh", "-c", "pwd; id -u; echo $OWN $BOTH $PATH; echo \\"$@\\"", "--"]\nCMD ["never"]\n',
    );
    const { recorder, exit } = await run(t, executorOf(t), {
      image: own,
      args: ["a 1", "b"],
      env: { BOTH: "ours" },
    });
    assert.equal(exit.exitCode, 0);
    assert.deepEqual(recorder.textOf("stdout"), [
      "/work dir",
      "1234",
      "yes ours /opt/x:/usr/bin:/bin",
      "a 1 b",
    ]);
  });

  escapeTests({
    info: () => info,
    run: (t, script, more) => run(t, executorOf(t), { command: ["sh", "-c", script], ...more }),
  });

  test("a container is isolated by the OCI runtime that a template names, and by no other", async (t) => {
    const { env: more, runtime } = await engine.registerRuntime(directory);
    const { api: registered, close } = await engine.open(more);
    const podmanRuntimes =
      engine.name === "podman"
        ? createPodmanRuntimes({ env: { ...process.env, ...more }, log: silentLogger })
        : undefined;
    const known = await registered.info();
    const templates = new Map(
      [LOGGED_RUNTIME, "missing", "runsc"].map((isolation) => [isolation, { isolation }]),
    );
    const executor = createContainerExecutor({
      ...options(registered, known, instance),
      policy: { settings: {}, templates },
      podmanRuntimes,
    });
    const result = (podTemplate?: string) =>
      run(t, executor, {
        command: ["sh", "-c", "echo in"],
        ...(podTemplate !== undefined && { podTemplate }),
      });
    try {
      assert.deepEqual((await result()).recorder.textOf("stdout"), ["in"]);
      assert.deepEqual(await runtime.calls(), []);
      const isolated = await result(LOGGED_RUNTIME);
      assert.deepEqual(isolated.recorder.textOf("stdout"), ["in"], JSON.stringify(isolated.exit));
      const note = `by the pod template ${LOGGED_RUNTIME}: OCI runtime ${LOGGED_RUNTIME}`;
      assert.deepEqual(isolated.recorder.textOf("system"), [note]);
      assert.ok(isolated.recorder.progress.includes(note));
      const state = await registered.inspectContainer(containerName(instance, isolated.spec.key));
      const calls = (await runtime.calls()).filter((call) => call.includes(state?.id ?? "none"));
      assert.ok(
        calls.some((call) => /\bcreate\b/u.test(call)),
        calls.join("\n"),
      );
      // Podman has a list of runtimes that need not be installed.
      for (const name of ["missing", "runsc"]) {
        const { exit } = await result(name);
        assert.deepEqual([exit.reason, exit.code], ["start_failed", "OCI_RUNTIME_UNAVAILABLE"], exit.message);
        assert.match(exit.message ?? "", new RegExp(name, "u"));
        assert.match(exit.hint ?? "", /register it in/u);
      }
    } finally {
      await executor.close();
      await close();
    }
  });

  test("limits are the kernel's, and labels say whose the container is", async (t) => {
    const limits = { cpu: 0.5, memoryBytes: 64 << 20 };
    const script =
      "cat /sys/fs/cgroup/cpu.max /sys/fs/cgroup/memory.max 2>/dev/null || cat /sys/fs/cgroup/cpu/cpu.cfs_quota_us /sys/fs/cgroup/memory/memory.limit_in_bytes; df -k /dev/shm | tail -1";
    const { recorder, spec } = await run(t, executorOf(t), {
      command: ["sh", "-c", script],
      limits,
      requests: { cpu: 0.25 },
      sharedMemoryBytes: 32 << 20,
      labels: { team: "a" },
    });
    const [cpu, memory, shm] = recorder.textOf("stdout");
    assert.match(cpu ?? "", /^50000( |$)/);
    assert.equal(memory, String(64 << 20));
    assert.match(shm ?? "", / 32768 /);
    const state = await api.inspectContainer(containerName(instance, spec.key));
    assert.equal(state?.labels.team, "a");
    assert.equal(state?.labels[LABEL.run], spec.key.run);
    assert.equal(state?.labels[LABEL.instance], instance);
  });

  test("more processors than there are is no limit, and no error", async (t) => {
    const { exit } = await run(t, executorOf(t), { command: ["true"], limits: { cpu: 10_000 } });
    assert.equal(exit.exitCode, 0);
  });

  test("an attempt killed for memory says so, another kill does not", async (t) => {
    const limits = { memoryBytes: 64 << 20 };
    const executor = executorOf(t);
    const first = await run(t, executor, { command: ["sh", "-c", "echo full; exec tail /dev/zero"], limits });
    assert.deepEqual([first.exit.exitCode, first.exit.outOfMemory], [137, true]);
    const child = await run(t, executor, { command: ["sh", "-c", "tail /dev/zero; exit 1"], limits });
    assert.deepEqual([child.exit.exitCode, child.exit.outOfMemory], [1, true]);
    const exited = await run(t, executor, { command: ["sh", "-c", "exit 137"], limits });
    assert.deepEqual([exited.exit.exitCode, exited.exit.outOfMemory], [137, false]);
  });

  test("what cannot be started says why, with the image's name and what to do", async (t) => {
    const bad = await build(
      "RUN echo 'echo hi' > /usr/bin/no-interpreter && chmod 755 /usr/bin/no-interpreter && echo x > /usr/bin/not-executable\n",
    );
    const noUser = await build("USER nobody-here\n");
    const executor = executorOf(t);
    const cases: [Partial<AttemptSpec>, code: string, message: RegExp, hint: RegExp][] = [
      [{ args: ["a0", "--inputs"] }, "ENTRYPOINT_NOT_FOUND", /`a0` was not found/, /is `flyte` installed/],
      [{ command: ["/no/such"] }, "ENTRYPOINT_NOT_FOUND", /`\/no\/such` was not found/, /PATH/],
      [
        { image: bad, command: ["/usr/bin/not-executable"] },
        "ENTRYPOINT_NOT_EXECUTABLE",
        /may not be executed/,
        /chmod/,
      ],
      [{ image: bad, command: ["no-interpreter"] }, "WRONG_ARCHITECTURE", /exec format error/, /#!/],
      [{ image: noUser, command: ["true"] }, "IMAGE_USER_NOT_FOUND", /USER/, /number/],
    ];
    for (const [more, code, message, hint] of cases) {
      const { exit, spec, recorder } = await run(t, executor, more);
      assert.deepEqual([exit.reason, exit.code], ["start_failed", code], exit.message);
      assert.match(exit.message ?? "", message);
      assert.ok(exit.message?.includes(spec.image.reference));
      assert.match(exit.hint ?? "", hint);
      assert.equal(recorder.told.filter((each) => each === "ended").length, 1);
    }
  });

  test("a GPU that the engine cannot give fails the start and says what it takes", async (t) => {
    if (countGpus() > 0) return t.skip("this machine has GPUs");
    const { exit } = await run(t, executorOf(t), { command: ["true"], requests: { gpu: 1 } });
    assert.deepEqual([exit.reason, exit.code], ["start_failed", "GPU_NOT_SUPPORTED"], exit.message);
    assert.match(exit.hint ?? "", /NVIDIA container toolkit/);
  });

  test("an image that the engine no longer has fails the start, without the attempt being lost", async (t) => {
    const digest = `sha256:${"0".repeat(64)}`;
    const gone: ResolvedImage = { reference: "localhost/gone", pinned: digest, digest, source: "engine" };
    const { exit } = await run(t, executorOf(t), { image: gone, command: ["true"] });
    assert.deepEqual([exit.reason, exit.code], ["start_failed", "ImagePullBackOff"]);
    assert.match(exit.message ?? "", /no longer has/);
  });

  test("a container removed by someone else is lost", async (t) => {
    const executor = executorOf(t);
    const spec = newSpec({ image, command: ["sh", "-c", `echo ready; ${KEEP_RUNNING}`] });
    const recorder = new Recorder();
    await executor.start(spec, recorder.sink, recorder.observer);
    await recorder.line("ready");
    await api.removeContainer(containerName(instance, spec.key));
    const exit = await recorder.ended;
    assert.deepEqual([exit.reason, exit.code], ["lost", "CONTAINER_REMOVED"]);
  });

  const podmanOnly = { skip: engine.name === "podman" ? false : "docker has one place for both" };
  test(
    "a container that the engine's storage has lost is lost, listed, and removed",
    podmanOnly,
    async (t) => {
      const spec = newSpec({ image, command: ["sh", "-c", `echo ready; ${KEEP_RUNNING}`] });
      const first = executorOf(t);
      const [recorder, resumed] = [new Recorder(), new Recorder()];
      await first.start(spec, recorder.sink, recorder.observer);
      await recorder.line("ready");
      // To Podman with another database it is a container of another tool. Removing an image by force does the same.
      const file = join(directory, "other.conf");
      const places = { static_dir: "static", tmp_dir: "tmp", volume_path: "volumes" };
      const lines = Object.entries(places).map(
        ([key, name]) => `${key} = "${join(directory, "other", name)}"`,
      );
      await writeFile(file, ["[engine]", ...lines].join("\n"));
      const name = containerName(instance, spec.key);
      t.after(() => api.removeContainer(name));
      // It fails as long as a file of the container that runs is in use just then.
      await until(async () => {
        await engineCommand("podman", ["rm", "--storage", "--force", name], {
          ...env,
          CONTAINERS_CONF: file,
        });
        return (await api.inspectContainer(name)) === undefined;
      });

      assert.deepEqual(await first.list(), [spec.key]);
      const second = executorOf(t);
      await second.start(spec, resumed.sink, resumed.observer);
      const { reason, message } = await resumed.ended;
      assert.deepEqual([reason, message?.includes("lost the container's storage")], ["lost", true], message);
      await second.release(spec.key);
      assert.equal((await recorder.ended).reason, "lost");
      assert.deepEqual(await second.list(), []);
    },
  );

  test("very long lines and bytes that are no text arrive", async (t) => {
    const script = "head -c 200000 /dev/zero | tr '\\0' x; echo; printf '\\377\\n'; echo end";
    const { recorder } = await run(t, executorOf(t), { command: ["sh", "-c", script] });
    const lines = recorder.textOf("stdout");
    assert.equal(lines.slice(0, -2).join(""), "x".repeat(200_000));
    assert.deepEqual(lines.slice(-2), ["\ufffd", "end"]);
  });

  test("attempts live through the engine's absence, and are lost when it stays away", async (t) => {
    if (api.address.kind !== "unix") return t.skip("the engine has no unix socket");
    const gate = await openGate(t, api.address.socketPath, join(directory, "gate.sock"));
    const throughGate = await connectEngine({ kind: "unix", socketPath: gate.path });
    t.after(() => throughGate.close());
    const executor = executorOf(t, { api: throughGate, lostAfterMs: 2_000 });
    const start = async (script: string) => {
      const spec = newSpec({ image, command: ["sh", "-c", script] });
      t.after(() => api.removeContainer(containerName(instance, spec.key)));
      const recorder = new Recorder();
      await executor.start(spec, recorder.sink, recorder.observer);
      await recorder.line("ready");
      return recorder;
    };
    const survivor = await start("echo ready; sleep 0.5; echo meanwhile; exit 6");
    gate.shut();
    await gate.refused();
    gate.open();
    assert.equal((await survivor.ended).exitCode, 6);
    assert.deepEqual(survivor.textOf("stdout"), ["ready", "meanwhile"]);

    const lost = await start(`echo ready; ${KEEP_RUNNING}`);
    gate.shut();
    const exit = await lost.ended;
    assert.deepEqual([exit.reason, exit.code], ["lost", "ENGINE_UNREACHABLE"]);
    gate.open();
  });

  test("an image in a registry is pinned, pulled once for many attempts, and the progress is reported", async (t) => {
    if (registry === undefined) return t.skip(missingRegistry());
    const name = `${registry.host}/team/app:1`;
    await build("LABEL version=1\n", name);
    await cli(["push", "-q", name]);
    const executor = executorOf(t);
    const pinned = await executor.resolveImage(name, true);
    assert.equal(pinned.source, "registry");
    assert.equal(pinned.pinned, `${registry.host}/team/app@${pinned.digest}`);

    // The tag moves on; the pinned image stays what it was.
    await build("LABEL version=2\n", name);
    await cli(["push", "-q", name]);
    assert.notEqual((await executor.resolveImage(name, true)).digest, pinned.digest);
    await cli(["image", "rm", "--force", name]);
    // Docker keeps the name by digest beside the tag.
    await api.removeImage(pinned.pinned);
    assert.equal(await api.inspectImage(pinned.pinned), undefined);

    let pulls = 0;
    const counting: EngineApi = { ...api, pullImage: (...args) => (pulls++, api.pullImage(...args)) };
    const many = executorOf(t, { api: counting });
    const results = await Promise.all(
      [1, 2, 3].map(() => run(t, many, { image: pinned, command: ["true"] })),
    );
    assert.deepEqual(
      results.map(({ exit }) => exit.exitCode),
      [0, 0, 0],
    );
    assert.equal(pulls, 1);
    for (const { recorder } of results)
      assert.match(recorder.progress[0] ?? "", /pulling image .*team\/app:1/);
    await cli(["image", "rm", "--force", pinned.pinned]);
  });

  test("references are resolved by the registry first, then by the engine, with a note", async (t) => {
    const executor = executorOf(t);
    const local = await build("LABEL local=1\n");
    const resolved = await executor.resolveImage(local.reference, true);
    assert.deepEqual([resolved.source, resolved.pinned], ["engine", local.pinned]);
    assert.match(resolved.note ?? "", new RegExp(`only ${engine.name}`));

    const away = `127.0.0.1:1/team/${newInstance()}:1`;
    await cli(["tag", local.pinned, away]);
    built.push(away);
    const fallback = await executor.resolveImage(away, true);
    assert.deepEqual([fallback.source, fallback.pinned], ["engine", local.pinned]);
    assert.match(fallback.note ?? "", /127\.0\.0\.1:1 cannot be asked/);

    await rejectsWith("IMAGE_NOT_FOUND", executor.resolveImage("localhost/nothing-here:1", true));
    await rejectsWith("REGISTRY_UNREACHABLE", executor.resolveImage("127.0.0.1:1/nothing-here:1", true));
    await rejectsWith("IMAGE_REFERENCE_INVALID", executor.resolveImage("<your-registry>/x", true));
    if (registry)
      await rejectsWith("IMAGE_NOT_FOUND", executor.resolveImage(`${registry.host}/nothing-here:1`, true));
  });

  test("a pull that the registry refuses fails the start with the registry's words", async (t) => {
    if (registry === undefined) return t.skip(missingRegistry());
    const digest = `sha256:${"1".repeat(64)}`;
    const pinned = `${registry.host}/team/none@${digest}`;
    const { exit } = await run(t, executorOf(t), {
      image: { reference: "none", pinned, digest, source: "registry" },
      command: ["true"],
    });
    assert.deepEqual([exit.reason, exit.code], ["start_failed", "ImagePullBackOff"]);
    assert.match(exit.message ?? "", /has no image/);
  });

  test("the probe finds the way from a container to this machine, and names the cause where there is none", async (t) => {
    const network = await readEngineNetwork({ api, info });
    const options = { api, network, instance, log: silentLogger };
    const reachable = await listen(t, "0.0.0.0");
    const result = await probeFromContainer({ ...options, port: reachable });
    assert.equal(result.kind, "reachable", JSON.stringify(result));

    const loopbackOnly = await listen(t, "127.0.0.1");
    await rejectsWith(
      "ENGINE_FAILED",
      probeFromContainer({ ...options, port: loopbackOnly }),
      /does not listen|cannot reach/,
    );
    assert.deepEqual(await api.listContainers([`${LABEL.probe}=${instance}`]), []);
  });

  test("only attempts of this instance are listed", async (t) => {
    const other = newInstance();
    const spec = newSpec({ image, command: ["true"] });
    const foreign = executorOf(t, { instance: other });
    const recorder = new Recorder();
    await foreign.start(spec, recorder.sink, recorder.observer);
    await recorder.ended;
    assert.deepEqual(await executorOf(t).list(), []);
    assert.deepEqual(await foreign.list(), [spec.key]);
    await foreign.release(spec.key);
  });
}

function newInstance(): string {
  return `test-${randomBytes(4).toString("hex")}`;
}

function options(api: EngineApi, info: EngineInfo, instance: string) {
  const policy = { settings: {}, templates: TEMPLATES };
  return { api, info, instance, log: silentLogger, clock: systemClock, endpointHost: () => "unused", policy };
}

function newExecutor(api: EngineApi, info: EngineInfo, instance: string): Executor {
  return createContainerExecutor(options(api, info, instance));
}

function newSpec(more: Partial<AttemptSpec> & { image: ResolvedImage }): AttemptSpec {
  const key = { project: "p", domain: "development", run: newInstance(), action: "a0", attempt: 1 };
  return {
    key,
    command: [],
    args: [],
    env: {},
    requests: {},
    limits: {},
    labels: {},
    isTrusted: true,
    ...more,
  };
}

async function engineImage(api: EngineApi, name: string): Promise<ResolvedImage> {
  const details = await api.inspectImage(name);
  assert.ok(details, `the engine has no ${name}`);
  return { reference: name, pinned: details.id, digest: details.id, source: "engine" };
}

async function rejectsWith(code: string, work: Promise<unknown>, message = /./): Promise<void> {
  await assert.rejects(work, (error: unknown) => {
    assert.ok(error instanceof BoxkiteError, String(error));
    assert.equal(error.code, code, error.message);
    assert.match(error.message, message);
    assert.ok(error.hint);
    return true;
  });
}

async function listen(t: TestContext, host: string): Promise<number> {
  const server: Server = createServer((_request, response) => response.end("ok"));
  await new Promise<void>((resolve) => server.listen(0, host, resolve));
  t.after(() => server.close());
  return (server.address() as AddressInfo).port;
}

interface Gate {
  readonly path: string;
  /** Breaks every connection, and each new one at once. */
  shut(): void;
  open(): void;
  /** Resolves when someone was turned away. */
  refused(): Promise<void>;
}

/** A socket in front of the engine's, which can be shut as if the engine had gone. */
async function openGate(t: TestContext, socketPath: string, path: string): Promise<Gate> {
  const sockets = new Set<Socket>();
  let isOpen = true;
  let turnedAway: () => void = () => {};
  const server = createSocketServer((client) => {
    if (!isOpen) {
      client.destroy();
      turnedAway();
      return;
    }
    const engine = connect(socketPath);
    for (const [one, other] of [
      [client, engine],
      [engine, client],
    ] as const) {
      sockets.add(one);
      one
        .on("error", () => {})
        .on("close", () => {
          sockets.delete(one);
          other.destroy();
        });
      one.pipe(other);
    }
  });
  await new Promise<void>((resolve) => server.listen(path, resolve));
  t.after(() => server.close());
  return {
    path,
    shut: () => {
      isOpen = false;
      for (const socket of sockets) socket.destroy();
    },
    open: () => {
      isOpen = true;
    },
    refused: () => new Promise((resolve) => (turnedAway = resolve)),
  };
}
