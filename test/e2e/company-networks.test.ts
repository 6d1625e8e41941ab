/**
 * Registries that require a login, speak plain HTTP or have a certificate of a private authority, and a network behind
 * a proxy: their settings apply to resolving, pulling, building and pushing, and in task containers where asked for.
 */
import assert from "node:assert/strict";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { networkInterfaces, tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, suite, test, type TestContext } from "node:test";
import { create, toBinary } from "@bufbuild/protobuf";
import { choosePlatform } from "../../src/platform/choose.ts";
import type { Executor } from "../../src/executors/executor.ts";
import { BoxkiteError } from "../../src/domain/errors.ts";
import { silentLogger } from "../../src/lib/log.ts";
import { ImageSpecSchema } from "../../src/wire/gen/flyteidl2/imagebuilder/definition_pb.js";
import {
  engineCommand,
  engineOutput,
  insecureRegistryEnv,
  missingEngine,
  removeImagesNamed,
} from "../helpers/engine.ts";
import { makeAuthority, type PrivateAuthority } from "../helpers/private-authority.ts";
import { LOGIN, missingRegistry, startRegistry, type TestRegistry } from "../helpers/registry.ts";
import { BOXKITE, startServer, type TestServer } from "../helpers/server.ts";
import { runProgram, stockPython, succeeded, writeProgram } from "../helpers/stock-sdk.ts";

const ENGINE = "podman";
const RUNTIME = "ghcr.io/flyteorg/flyte:py3.11-v2.12.1";
const skip = missingRegistry() ?? missingEngine(ENGINE);
/** An address that is not loopback, where there is one. */
const outer = Object.values(networkInterfaces())
  .flatMap((addresses) => addresses ?? [])
  .find(({ family, internal }) => family === "IPv4" && !internal)?.address;

const FLOW = `
import json, os, urllib.request
import flyte

env = flyte.TaskEnvironment(name="look", image=flyte.Image.from_ref_name("task"))

@env.task
async def look(url: str) -> str:
    authorities = os.environ.get("SSL_CERT_FILE")
    seen = {
        "env": {n: v for n, v in os.environ.items() if "PROXY" in n.upper() or "CERT" in n or "BUNDLE" in n},
        "authorities": open(authorities).read() if authorities else "",
        "uid": os.getuid(),
    }
    if url:
        seen["fetched"] = urllib.request.urlopen(url, timeout=60).read().decode()
    return json.dumps(seen)
`;

const MAIN = `
import json, sys
import flyte, flow

config, image, url = sys.argv[1:]
flyte.init_from_config(config, images=(f"task={image}",))
run = flyte.run(flow.look, url=url)
run.wait(quiet=True)
details = run.details().action_details
if details.error_info:
    sys.exit(details.error_info.message)
print(json.dumps({
    "name": run.name,
    "url": run.url,
    "seen": json.loads(run.outputs()[0]),
    "events": [event.message for event in details.pb2.attempts[-1].cluster_events],
}))
`;

interface Answer {
  readonly name: string;
  readonly url: string;
  readonly seen: {
    readonly env: Readonly<Record<string, string>>;
    readonly authorities: string;
    readonly uid: number;
    readonly fetched?: string;
  };
  readonly events: readonly string[];
}

suite("company networks on podman", { skip: skip ?? false }, () => {
  const cleanups: (() => unknown)[] = [];
  const forSuite = { after: (end: () => unknown) => cleanups.push(end) } as unknown as TestContext;
  let scratch = "";
  let data = "";
  let settings = "";
  let python = "";
  let authority: PrivateAuthority;
  let registries: Record<"guarded" | "secure", TestRegistry> & { readonly plain?: TestRegistry };
  let proxy: { readonly url: string; readonly asked: string[] };
  let env: NodeJS.ProcessEnv;
  let server: TestServer;

  before(async () => {
    scratch = await mkdtemp(join(tmpdir(), "boxkite-networks-"));
    [data, settings] = [join(scratch, "data"), join(scratch, "boxkite.yaml")];
    python = stockPython();
    authority = await makeAuthority(join(scratch, "authority"));
    registries = {
      guarded: await startRegistry(join(scratch, "guarded"), { login: true }),
      secure: await startRegistry(join(scratch, "secure"), { login: true, tls: authority }),
      ...(outer !== undefined && { plain: await startRegistry(join(scratch, "plain"), { address: outer }) }),
    };
    for (const registry of Object.values(registries)) cleanups.push(() => registry.stop());
    proxy = await startProxy(cleanups);
    await writeProgram(scratch, {
      "flow.py": FLOW,
      "main.py": MAIN,
      password: `${LOGIN.password}\n`,
      "boxkite.yaml": settingsFile(registries),
    });
    for (const registry of Object.values(registries)) await pushImage(registry.host);
    env = {
      // Plain HTTP by the engine's own configuration, so that its API pulls with the settings' login.
      ...(await insecureRegistryEnv(scratch, registries.guarded.host)),
      GUARDED_PASSWORD: LOGIN.password,
      // Without the machine's own: what the engine trusts must come from the settings.
      SSL_CERT_FILE: "",
      REQUESTS_CA_BUNDLE: "",
      CURL_CA_BUNDLE: authority.caFile,
      HTTP_PROXY: proxy.url,
      http_proxy: "",
      NO_PROXY: outer,
      no_proxy: "",
    };
    server = await startServer(forSuite, {
      args: ["--engine", ENGINE, "--data", data, "--config", settings],
      env,
    });
  });

  after(async () => {
    for (const end of cleanups.toReversed()) await end();
    const hosts = Object.values(registries ?? {}).map(({ host }) => host);
    await removeImagesNamed(
      ENGINE,
      hosts.map((host) => `${host}/`),
    );
    await rm(scratch, { recursive: true, force: true });
  });

  /** An image for each registry: one that another registry has as well would not be pulled. */
  const pushImage = async (host: string) => {
    const image = `${host}/team/app:1`;
    await writeFile(
      join(scratch, "Containerfile"),
      `FROM ${RUNTIME}\nLABEL registry="${host}"\nENV HOME=/tmp\nWORKDIR /tmp\nUSER 12345\n`,
    );
    await engineOutput(ENGINE, ["build", "--pull=never", "-t", image, scratch]);
    const login = `${LOGIN.username}:${LOGIN.password}`;
    const certificates = join(scratch, "authority");
    const access = host === registries.secure.host ? ["--cert-dir", certificates] : ["--tls-verify=false"];
    await engineOutput(ENGINE, ["push", "--creds", login, ...access, image]);
    await engineCommand(ENGINE, ["rmi", "--force", image]);
  };

  const look = async (on: TestServer, image: string, url = ""): Promise<Answer> => {
    const result = succeeded(
      await runProgram(python, ["main.py", on.config, image, url], { cwd: scratch, timeoutMs: 300_000 }),
    );
    return JSON.parse(result.stdout.trim().split("\n").at(-1) ?? "") as Answer;
  };

  for (const name of ["secure", "plain"] as const) {
    const without = name === "plain" && outer === undefined && "this machine has loopback only";
    test(`an image of the ${name} registry runs as the settings say`, { skip: without }, async () => {
      const answer = await look(server, `${registries[name]?.host}/team/app:1`);
      assert.equal(answer.seen.uid, 12345);
      assertPulled(answer.events);
    });
  }

  test("without settings they are refused, with what to set", async () => {
    const { guarded, secure, plain } = registries;
    // On loopback plain HTTP is the default.
    const executor = await openExecutor(cleanups, {
      registries: new Map([[secure.host, { insecure: false }]]),
    });
    const refusal = async (host: string) => {
      const error = await executor.resolveImage(`${host}/team/nowhere:1`, true).then(
        () => assert.fail("it was resolved"),
        (reason: unknown) => reason,
      );
      assert.ok(error instanceof BoxkiteError);
      return `${error.code} ${error.hint}`;
    };
    assert.match(
      await refusal(guarded.host),
      /^IMAGE_UNAUTHORIZED it was asked without credentials: log in with podman login .*registries:/u,
    );
    assert.match(
      await refusal(secure.host),
      new RegExp(`^REGISTRY_UNREACHABLE .*registries: ${secure.host}: ca-file`, "u"),
    );
    if (plain !== undefined) {
      assert.match(
        await refusal(plain.host),
        new RegExp(`^REGISTRY_UNREACHABLE .*registries: ${plain.host}: insecure: true`, "u"),
      );
    }
  });

  test("the error of a wrong password names the settings that it came from", async () => {
    const { host } = registries.guarded;
    const login = { username: LOGIN.username, password: async () => "wrong" };
    const executor = await openExecutor(cleanups, { registries: new Map([[host, { login }]]) });
    await assert.rejects(executor.resolveImage(`${host}/team/nowhere:1`, true), {
      code: "IMAGE_UNAUTHORIZED",
      hint: new RegExp(
        `^it was asked with credentials, .* the credentials are those of registries: ${host}`,
        "u",
      ),
    });
  });

  test("containers get certificates and proxy where asked for, and the attempt shows it", async () => {
    const { url, name, seen, events } = await look(
      server,
      `${registries.guarded.host}/team/app:1`,
      "http://elsewhere.invalid/",
    );
    assertPulled(events);
    assert.equal(seen.authorities, await readFile(authority.caFile, "utf8"));
    assert.equal(seen.env["PIP_CERT"], "/run/boxkite/ca.crt");
    assert.equal(seen.env["HTTP_PROXY"], proxy.url);
    assert.equal(seen.env["http_proxy"], proxy.url);
    // The server, as it is seen from a network of the run's own.
    const exceptions = seen.env["no_proxy"]?.split(",") ?? [];
    assert.match(exceptions.pop() ?? "", /^\d+\.\d+\.\d+\.1$/u);
    assert.deepEqual(exceptions, outer === undefined ? [] : [outer]);
    assert.equal(seen.fetched, "by proxy");
    // The task's calls of the server did not go through the proxy.
    assert.deepEqual(new Set(proxy.asked), new Set(["http://elsewhere.invalid/"]));

    const note =
      /^by the server's settings: this machine's certificate authorities in .*; the server's proxy settings \(HTTP_PROXY, NO_PROXY\)$/u;
    assert.ok(
      events.some((event) => note.test(event)),
      JSON.stringify(events),
    );
    assert.match(await (await fetch(url)).text(), /certificate authorities in \/run\/boxkite\/ca\.crt/u);
    const flyte = join(python, "../flyte");
    const logs = await runProgram(flyte, ["-c", server.config, "get", "logs", name], { cwd: scratch });
    assert.match(succeeded(logs).stdout.replaceAll(/\s+/gu, " "), /by the server's settings: this machine/u);
  });

  test("by default containers get nothing of the machine", async (t) => {
    const bare = await startServer(t, { args: ["--engine", ENGINE, "--ephemeral"], env });
    const { seen, events } = await look(bare, RUNTIME);
    assert.deepEqual(seen.env, await envOfImage(RUNTIME));
    assert.equal(
      events.some((event) => event.includes("settings")),
      false,
    );
  });

  test("images build takes the base from and pushes to such a registry", async () => {
    const { host } = registries.secure;
    const spec = join(scratch, "spec.pb");
    const layers = [{ layer: { case: "env", value: { envVariables: { BUILT: "here" } } } }] as const;
    const message = create(ImageSpecSchema, { baseImage: `${host}/team/app:1`, layers: [...layers] });
    await writeFile(spec, toBinary(ImageSpecSchema, message));
    await engineCommand(ENGINE, ["rmi", "--force", `${host}/team/app:1`]);
    const build = (...config: string[]) => {
      const args = ["images", "build", spec, "--target", `${host}/team/built:1`, "--data", data, ...config];
      return boxkite([...args, "--engine", ENGINE], scratch, env);
    };
    const refused = await build();
    assert.notEqual(refused.code, 0);
    assert.match(refused.stderr, new RegExp(`registries: ${host}: insecure: false`, "u"));

    const built = succeeded(await build("--config", settings));
    const pinned = built.stdout.trim();
    assert.match(pinned, new RegExp(`^${host}/team/built@sha256:`, "u"));
    await engineCommand(ENGINE, ["rmi", "--force", `${host}/team/built:1`]);
    const answer = await look(server, `${host}/team/built:1`);
    assert.ok(
      answer.events.some((event) => event.includes(pinned.split("@")[1] ?? "?")),
      JSON.stringify(answer.events),
    );
  });

  test("a wrong setting is refused at the start, by its name", async () => {
    const file = join(scratch, "wrong.yaml");
    await writeFile(file, "registries: {r.example.com: {username: u, password-env: NOT_THERE}}\n");
    const result = await boxkite(["up", "--port", "0", "--ephemeral", "--config", file], scratch, env);
    assert.equal(result.code, 2);
    assert.match(result.stderr, /CONFIG_INVALID.*r\.example\.com: password-env names NOT_THERE/u);
    await writeFile(file, "containers: {proxy: true}\n");
    const args = ["up", "--port", "0", "--ephemeral", "--engine", "process", "--config", file];
    const process = await boxkite(args, scratch, env);
    assert.equal(process.code, 2);
    assert.match(process.stderr, /CONFIG_INVALID.*containers: proxy is true, but --engine process/u);
  });
});

function assertPulled(events: readonly string[]): void {
  const text = JSON.stringify(events);
  assert.ok(
    events.some((event) => event.endsWith("from the registry")),
    text,
  );
  assert.ok(
    events.some((event) => event.startsWith("pulling image")),
    text,
  );
}

function settingsFile(registries: {
  readonly guarded: TestRegistry;
  readonly secure: TestRegistry;
  readonly plain?: TestRegistry;
}): string {
  const plain = registries.plain && `  ${registries.plain.host}:\n    insecure: true\n`;
  return `
registries:
  ${registries.guarded.host}:
    username: ${LOGIN.username}
    password-env: GUARDED_PASSWORD
  ${registries.secure.host}:
    username: ${LOGIN.username}
    password-file: password
    ca-file: authority/ca.crt
${plain ?? ""}
containers:
  certificates: true
  proxy: true
`;
}

/** Listens on every address: containers reach it at the bridge's, which exists only while a container runs. */
async function startProxy(cleanups: (() => unknown)[]) {
  const asked: string[] = [];
  const server: Server = createServer((request, response) => {
    asked.push(request.url ?? "");
    response.end("by proxy");
  });
  await new Promise<void>((resolve) => server.listen(0, "0.0.0.0", resolve));
  cleanups.push(() => {
    server.close();
    server.closeAllConnections();
  });
  const { port } = server.address() as AddressInfo;
  return { url: `http://host.containers.internal:${port}`, asked };
}

/** As the server creates it, with only these settings. */
async function openExecutor(
  cleanups: (() => unknown)[],
  wish: Partial<Parameters<typeof choosePlatform>[0]> = {},
): Promise<Executor> {
  const platform = await choosePlatform({ engine: ENGINE, python: undefined, ...wish }, process.env);
  const executor = await platform.createExecutor({
    instance: "networks",
    dataDirectory: "",
    log: silentLogger,
  });
  cleanups.push(async () => {
    await executor.close();
    await platform.close();
  });
  return executor;
}

function boxkite(args: readonly string[], cwd: string, env: NodeJS.ProcessEnv) {
  return runProgram(process.execPath, [BOXKITE, ...args], { cwd, env });
}

/** The image's own values of the variables that the task returns. */
async function envOfImage(image: string): Promise<Record<string, string>> {
  const text = await engineOutput(ENGINE, ["image", "inspect", "--format", "{{json .Config.Env}}", image]);
  const pairs = (JSON.parse(text) as string[]).map((pair) => pair.split("=") as [string, string]);
  return Object.fromEntries(pairs.filter(([name]) => /PROXY|proxy|CERT|BUNDLE/u.test(name)));
}
