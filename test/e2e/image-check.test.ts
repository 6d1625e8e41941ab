/** `boxkite images check` as a user types it, with a private registry and Podman. */
import assert from "node:assert/strict";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, suite, test, type TestContext } from "node:test";
import { openSqliteStore } from "../../src/store/sqlite/sqlite-store.ts";
import { engineOutput, missingEngine, removeImagesNamed } from "../helpers/engine.ts";
import { LOGIN, missingRegistry, startRegistry, type TestRegistry } from "../helpers/registry.ts";
import { BOXKITE, temporaryDirectory } from "../helpers/server.ts";
import { runProgram } from "../helpers/stock-sdk.ts";

const RUNTIME = "ghcr.io/flyteorg/flyte:py3.11-v2.12.1";
const LOCAL = `localhost/boxkite-check-${process.pid}`;
const skip = missingRegistry() ?? missingEngine("podman") ?? false;

interface Report {
  readonly verdict: {
    readonly kind: string;
    readonly because?: readonly string[];
    readonly adaptations?: readonly string[];
  };
  readonly findings: readonly { readonly code: string; readonly mend: object }[];
  readonly languages: readonly string[];
  readonly digest?: string | null;
  readonly cached?: boolean;
  readonly facts?: {
    readonly platforms: readonly string[];
    readonly layers: readonly { readonly compression: string }[];
    readonly container: { readonly entrypoint: string };
  };
}

suite("boxkite images check", { skip }, () => {
  const cleanups: (() => unknown)[] = [];
  const forSuite = { after: (end: () => unknown) => cleanups.push(end) } as unknown as TestContext;
  let directory = "";
  let registry: TestRegistry;
  let image = "";
  let digest: string | undefined;

  before(async () => {
    directory = await temporaryDirectory(forSuite);
    registry = await startRegistry(join(directory, "registry"), { login: true });
    image = `${registry.host}/team/app`;
    await mkdir(join(directory, "data"));
    await openSqliteStore(join(directory, "data", "store.sqlite")).close();
    await writeFile(
      join(directory, "settings.yaml"),
      `registries:\n  ${registry.host}:\n    username: ${LOGIN.username}\n    password-env: TEAM_PASSWORD\n`,
    );
    await build(`${image}:1`, `FROM ${RUNTIME}\nCOPY tasks.py .\nENTRYPOINT ["/usr/bin/env"]`);
    await build(`${LOCAL}:1`, `FROM ${RUNTIME}\nCOPY tasks.py .\nENTRYPOINT ["/bin/sh", "-c", "sleep 0"]`);
    const credentials = `--creds=${LOGIN.username}:${LOGIN.password}`;
    const push = ["push", "--quiet", "--tls-verify=false", credentials, "--compression-format=zstd"];
    await engineOutput("podman", [...push, `${image}:1`]);
    digest = await registry.resolve(`${image}:1`);
    // Otherwise the engine's own copy is taken where the registry refuses.
    await engineOutput("podman", ["image", "rm", `${image}:1`]);
  });
  after(async () => {
    await removeImagesNamed("podman", [`${registry.host}/`, `${LOCAL}`]);
    await registry.stop();
    for (const end of cleanups) await end();
  });

  const build = async (name: string, containerfile: string) => {
    const context = join(directory, "context");
    await mkdir(context, { recursive: true });
    await writeFile(join(context, "Containerfile"), containerfile);
    await writeFile(join(context, "tasks.py"), "import flyte\n\nasync def train():\n    pass\n");
    const options = ["--quiet", "--pull=never", "--isolation=chroot", "--tag", name];
    await engineOutput("podman", ["build", ...options, context]);
  };

  const check = async (args: readonly string[], env: NodeJS.ProcessEnv = {}) => {
    const all = [BOXKITE, "images", "check", ...args, "--data", join(directory, "data"), "--json"];
    const result = await runProgram(process.execPath, all, { cwd: directory, env });
    const [line = ""] = result.stdout.split("\n");
    assert.notEqual(line, "", result.stderr);
    return { code: result.code, report: JSON.parse(line) as Report, stderr: result.stderr };
  };
  const podman = ["--engine", "podman"];
  const withLogin = (password: string) =>
    [["--config", join(directory, "settings.yaml"), ...podman], { TEAM_PASSWORD: password }] as const;

  test("a registry that wants credentials, one that refuses them, and a tag that is not there", async () => {
    const without = await check([`${image}:1`, ...podman]);
    assert.deepEqual([without.code, without.report.verdict.because], [3, ["CREDENTIALS_MISSING"]]);
    const [wrongArgs, wrongEnv] = withLogin("something else");
    const wrong = await check([`${image}:1`, ...wrongArgs], wrongEnv);
    assert.deepEqual([wrong.code, wrong.report.verdict.because], [3, ["CREDENTIALS_REFUSED"]]);
    const [goodArgs, goodEnv] = withLogin(LOGIN.password);
    const missing = await check([`${image}:9`, ...goodArgs], goodEnv);
    assert.deepEqual([missing.code, missing.report.verdict.because], [1, ["IMAGE_NOT_FOUND"]]);
  });

  test("a private image with zstd layers runs as it is; the second check needs no engine", async () => {
    const [args, env] = withLogin(LOGIN.password);
    const { code, report, stderr } = await check([`${image}:1`, ...args], env);
    assert.equal(code, 0, stderr);
    assert.deepEqual([report.verdict.kind, report.languages, report.cached], ["as_is", ["python"], false]);
    assert.equal(report.digest, digest);
    assert.deepEqual(report.facts?.platforms, ["linux/amd64"]);
    assert.ok(report.facts?.layers.every(({ compression }) => compression === "zstd"));
    assert.equal(report.facts?.container.entrypoint, "passes");
    const noEngine = { ...env, DOCKER_HOST: "unix:///nowhere/docker.sock" };
    const again = await check(
      [`${image}:1`, "--config", join(directory, "settings.yaml"), "--engine", "docker"],
      noEngine,
    );
    assert.deepEqual([again.code, again.report.cached, again.report.digest], [0, true, digest]);
    assert.deepEqual(again.report.facts, report.facts);
  });

  test("an ENTRYPOINT that swallows its arguments, and the import of a task", async () => {
    const { code, report } = await check([`${LOCAL}:1`, "--task", "tasks:train", "--strict", ...podman]);
    assert.deepEqual([code, report.verdict.because], [1, ["ENTRYPOINT_SWALLOWS"]]);
    assert.deepEqual(report.findings[0]?.mend, {
      dockerfile: "ENTRYPOINT []",
      other: 'let a script end with: exec "$@"',
    });
    const adapted = await check([`${LOCAL}:1`, ...podman]);
    assert.deepEqual([adapted.code, adapted.report.verdict.adaptations], [0, ["entrypoint"]]);
    const other = await check([`${LOCAL}:1`, "--task", "tasks:trainn", ...podman]);
    assert.deepEqual(
      other.report.findings.map(({ code: each }) => each),
      ["ENTRYPOINT_SWALLOWS", "TASK_MISSING"],
    );
  });

  test("wrong usage", async () => {
    for (const args of [[], ["x", "--task", "nonsense"]]) {
      const all = [BOXKITE, "images", "check", ...args, "--data", join(directory, "data")];
      const { code, stderr } = await runProgram(process.execPath, all, { cwd: directory });
      assert.deepEqual([code, /^error CONFIG_INVALID.*\ntry: /u.test(stderr)], [2, true], stderr);
    }
  });
});
