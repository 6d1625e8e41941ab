/** What a probe finds in images of Podman: stand-ins, built of the bases that the other tests use. */
import assert from "node:assert/strict";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, suite, test, type TestContext } from "node:test";
import type { FoundEngine } from "../../src/containers/find.ts";
import type { EngineInfo } from "../../src/containers/types.ts";
import type { ContainerFacts } from "../../src/domain/image-facts.ts";
import { NO_POLICY } from "../../src/executors/container/confinement.ts";
import { LABEL } from "../../src/executors/container/container-spec.ts";
import { probeImage } from "../../src/executors/container/image-probe.ts";
import { inspectFacts } from "../../src/executors/container/inspect-facts.ts";
import { NO_ADAPTATIONS } from "../../src/images/check/adaptations.ts";
import { reportOn } from "../../src/images/check/report.ts";
import { systemClock } from "../../src/lib/clock.ts";
import { engineCommand, engineOutput, removeImagesOf } from "../helpers/engine.ts";
import { temporaryDirectory } from "../helpers/server.ts";
import { BASES, noEngine } from "../images/engine.ts";
import { engineForTests, TEST_IMAGE } from "./engine-for-tests.ts";

const TEST_LABEL = `dev.boxkite.test-probe=${process.pid}`;
const INSTANCE = `probe-test-${process.pid}`;

interface Case {
  readonly image: string;
  readonly containerfile: string;
  readonly expected: (facts: ContainerFacts) => void;
  /** Whether a0 starts, and fails only when it imports what a task needs. */
  readonly isFoundOnImport?: true;
}

const RUNTIME = "ghcr.io/flyteorg/flyte:py3.11-v2.12.1";
const WRAPPER = "#!/bin/sh\necho '== a banner of many words =='\ncd /srv\nexec \"$@\"\n";

const CASES: readonly Case[] = [
  {
    image: "python slim",
    containerfile: `FROM ${BASES.python311}`,
    expected: ({ entrypoint, pythons, libc, os, user, programs, complete }) => {
      assert.deepEqual([entrypoint, libc, os, complete], ["none", "glibc", "debian 12", true]);
      assert.deepEqual(user, { uid: 0, gid: 0, name: "root" });
      const own = pythons.find(({ path }) => path === "/usr/local/bin/python");
      assert.match(own?.version ?? "", /^3\.11\./u);
      assert.match(own?.libc ?? "", /^glibc 2\./u);
      assert.equal(programs["a0"], undefined);
    },
  },
  {
    image: "an ENTRYPOINT that swallows its arguments",
    containerfile: `FROM ${BASES.python311}\nENTRYPOINT ["/bin/sh", "-c", "echo serving nothing"]`,
    expected: ({ entrypoint, entrypointOutput, pythons }) => {
      assert.deepEqual([entrypoint, entrypointOutput], ["swallows", "serving nothing"]);
      assert.ok(pythons.length > 0);
    },
  },
  {
    image: "python as ENTRYPOINT",
    containerfile: `FROM ${BASES.python311}\nENTRYPOINT ["python"]`,
    expected: ({ entrypoint }) => assert.equal(entrypoint, "swallows"),
  },
  {
    image: "a wrapper that prints a banner, and executes its arguments in another folder",
    containerfile: `FROM ${BASES.python311}\nCOPY --chmod=755 wrapper.sh /wrapper.sh\nENTRYPOINT ["/wrapper.sh"]\nHEALTHCHECK CMD true\nSTOPSIGNAL SIGINT\nVOLUME /data`,
    expected: ({ entrypoint, workdir }) => {
      assert.equal(entrypoint, "passes");
      assert.deepEqual(workdir, { path: "/srv", writable: true });
    },
  },
  {
    image: "a script as ENTRYPOINT that fails before it executes its arguments",
    containerfile: `FROM ${BASES.python311}\nRUN printf '#!/bin/sh\\nset -e\\nfalse\\nexec "$@"\\n' >/wait.sh && chmod 755 /wait.sh\nENTRYPOINT ["/wait.sh"]`,
    expected: ({ entrypoint }) => assert.equal(entrypoint, "unknown"),
  },
  {
    image: "a user without a name, and a WORKDIR of root",
    containerfile: `FROM ${BASES.python311}\nRUN mkdir /app\nWORKDIR /app\nENV HOME=/nowhere\nUSER 4242:17`,
    expected: ({ user, workdir, home }) => {
      assert.deepEqual(user, { uid: 4242, gid: 17 });
      assert.deepEqual(workdir, { path: "/app", writable: false });
      assert.deepEqual(home, { path: "/nowhere", writable: false });
    },
  },
  {
    image: "a USER that is not in it",
    containerfile: `FROM ${BASES.python311}\nUSER ghost`,
    expected: ({ startFailure }) => assert.equal(startFailure?.code, "IMAGE_USER_NOT_FOUND"),
  },
  {
    image: "a venv that is not on PATH, and conda",
    containerfile: `FROM ${BASES.conda}\nRUN python -m venv --without-pip /opt/venv`,
    expected: ({ pythons }) => {
      const venv = pythons.find(({ path }) => path === "/opt/venv/bin/python");
      assert.deepEqual([venv?.prefix, venv?.basePrefix], ["/opt/venv", "/opt/conda"]);
      assert.ok(pythons.some(({ path }) => path === "/opt/conda/bin/python"));
    },
  },
  {
    image: "flyte, and what it needs",
    containerfile: `FROM ${RUNTIME}`,
    expected: ({ a0Interpreter, a0Error, pythons }) => {
      assert.deepEqual([a0Interpreter, a0Error], ["/opt/venv/bin/python3", undefined]);
      assert.equal(pythons[0]?.packages["flyte"], "2.12.1");
    },
  },
  {
    image: "flyte in an environment that is not on PATH",
    containerfile: `FROM ${RUNTIME}\nENV PATH=/usr/local/bin:/usr/bin:/bin`,
    expected: ({ programs, pythons }) => {
      assert.equal(programs["a0"], undefined);
      assert.equal(pythons.find(({ path }) => path === "/opt/venv/bin/python")?.hasA0, true);
    },
  },
  {
    image: "flyte behind a wrapper with a banner, as a user without a name",
    containerfile: `FROM ${RUNTIME}\nCOPY --chmod=755 wrapper.sh /wrapper.sh\nUSER 4242\nENTRYPOINT ["/wrapper.sh"]`,
    expected: ({ entrypoint, user }) => assert.deepEqual([entrypoint, user?.uid], ["passes", 4242]),
  },
  {
    image: "flyte behind a shell that takes one argument only",
    containerfile: `FROM ${RUNTIME}\nENTRYPOINT ["/bin/sh", "-c"]`,
    expected: ({ entrypoint }) => assert.equal(entrypoint, "swallows"),
  },
  {
    image: "flyte without a package that it needs",
    containerfile: `FROM ${RUNTIME}\nRUN rm -r /opt/venv/lib/python3.11/site-packages/mashumaro`,
    expected: ({ a0Error }) => assert.equal(a0Error, "ModuleNotFoundError: No module named 'mashumaro'"),
    isFoundOnImport: true,
  },
  {
    image: "Node",
    containerfile: "FROM docker.io/library/node:24-slim",
    expected: ({ node, pythons }) => {
      assert.match(node?.version ?? "", /^24\./u);
      assert.deepEqual(pythons, []);
    },
  },
  {
    image: "distroless-like: Python and its libraries, no shell, no tar",
    containerfile: `FROM ${BASES.python311} AS base
FROM scratch
COPY --from=base /usr/local/bin /usr/local/bin
COPY --from=base /usr/local/lib /usr/local/lib
COPY --from=base /lib/x86_64-linux-gnu/libc.so.6 /lib/x86_64-linux-gnu/libm.so.6 /lib/x86_64-linux-gnu/libz.so.1 /lib/
COPY --from=base /lib64/ld-linux-x86-64.so.2 /lib64/ld-linux-x86-64.so.2
ENV PATH=/usr/local/bin LD_LIBRARY_PATH=/usr/local/lib:/lib
USER 65532
ENTRYPOINT ["/usr/local/bin/python3"]`,
    expected: ({ shell, entrypoint, user, pythons, programs, complete }) => {
      assert.deepEqual([shell, entrypoint, complete], [false, "swallows", true]);
      assert.deepEqual(user, { uid: 65532, gid: 0 });
      assert.match(pythons[0]?.version ?? "", /^3\.11\./u);
      assert.equal(programs["tar"], undefined);
    },
  },
  {
    image: "scratch",
    containerfile: "FROM scratch\nCOPY wrapper.sh /wrapper.sh",
    expected: ({ shell, pythons, node, startFailure }) => {
      assert.deepEqual([shell, pythons, node, startFailure], [false, [], undefined, undefined]);
    },
  },
];

suite("images of Podman", { skip: await noEngine() }, () => {
  let found: FoundEngine;
  let info: EngineInfo;
  before(async () => {
    found = await (await engineForTests("podman")).open();
    info = await found.api.info();
  });
  after(async () => {
    assert.deepEqual(await found.api.listContainers([`${LABEL.probe}=${INSTANCE}`]), []);
    await found.close();
    await removeImagesOf("podman", TEST_LABEL);
  });

  const build = async (t: TestContext, containerfile: string) => {
    const directory = join(await temporaryDirectory(t), "context");
    await mkdir(directory);
    await writeFile(join(directory, "Containerfile"), containerfile);
    await writeFile(join(directory, "wrapper.sh"), WRAPPER, { mode: 0o755 });
    const args = ["build", "--quiet", "--pull=never", "--isolation=chroot", "--format=docker"];
    return await engineOutput("podman", [...args, "--label", TEST_LABEL, directory]);
  };

  for (const { image, containerfile, expected, isFoundOnImport } of CASES) {
    test(image, async (t) => {
      const id = await build(t, containerfile);
      const config = await found.api.inspectImage(id);
      assert.ok(config);
      const context = { api: found.api, info, policy: NO_POLICY, instance: INSTANCE, clock: systemClock };
      const facts = await probeImage(context, { reference: image, pinned: config.id, config });
      expected(facts);
      const { verdict, languages } = reportOn(
        {
          image: { reference: image, pinned: id, digest: id, source: "engine" },
          facts: { ...inspectFacts(config), container: facts },
          isCached: false,
        },
        // As a black box: nothing is adapted below.
        { available: NO_ADAPTATIONS },
      );
      if (isFoundOnImport) return assert.equal(verdict.kind, "cannot");
      // What the check says is what a container does that is started as a task's is.
      const args = ["run", "--rm", "--network=none", id, "a0", "--help"];
      const { code, stdout } = await engineCommand("podman", args);
      const runs = code === 0 && stdout.includes("Usage: a0");
      assert.equal(verdict.kind === "as_is" && languages.includes("python"), runs, `${code} ${stdout}`);
    });
  }
});

suite("images of Docker", () => {
  test("with a shell, with an ENTRYPOINT that swallows its arguments, and without a shell", async (t) => {
    const docker = await engineForTests("docker");
    t.after(() => docker.close());
    if (docker.missing !== undefined) return t.skip(docker.missing);
    const found = await docker.open();
    t.after(() => found.close());
    const { api } = found;
    const info = await api.info();
    const probe = async (name: string, containerfile: string) => {
      const directory = await temporaryDirectory(t);
      await writeFile(join(directory, "Dockerfile"), containerfile);
      await writeFile(join(directory, "file"), "");
      await engineOutput("docker", ["build", "--quiet", "--tag", `${name}:1`, directory], docker.env);
      const config = await api.inspectImage(`${name}:1`);
      assert.ok(config);
      const context = { api, info, policy: NO_POLICY, instance: INSTANCE, clock: systemClock };
      return await probeImage(context, { reference: name, pinned: config.id, config });
    };
    const plain = await probe("probe-plain", `FROM ${TEST_IMAGE}\nUSER 4242`);
    assert.deepEqual([plain.shell, plain.entrypoint, plain.complete], [true, "none", true]);
    assert.deepEqual(plain.user, { uid: 4242, gid: 0 });
    const server = await probe("probe-server", `FROM ${TEST_IMAGE}\nENTRYPOINT ["/bin/echo", "serving"]`);
    assert.equal(server.entrypoint, "swallows");
    const empty = await probe("probe-empty", "FROM scratch\nCOPY file /file");
    assert.deepEqual([empty.shell, empty.pythons, empty.startFailure], [false, [], undefined]);
    const ghost = await probe("probe-ghost", `FROM ${TEST_IMAGE}\nUSER ghost`);
    assert.equal(ghost.startFailure?.code, "IMAGE_USER_NOT_FOUND");
    assert.deepEqual(await api.listContainers([`${LABEL.probe}=${INSTANCE}`]), []);
  });
});
