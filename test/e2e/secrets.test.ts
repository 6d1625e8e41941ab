/**
 * One run that uses every kind of secret that there is, on podman with a server that asks for tokens. Afterwards each is
 * searched in all that is left of it: files, logs, pages, answers, images, and what `ps` shows meanwhile.
 */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join, relative } from "node:path";
import { before, suite, test, type TestContext } from "node:test";
import { create, toBinary, toJsonString } from "@bufbuild/protobuf";
import { createClient, type Interceptor } from "@connectrpc/connect";
import { createConnectTransport } from "@connectrpc/connect-node";
import { loadConfig } from "../../src/client/config-file.ts";
import { uploadFile } from "../../src/client/upload.ts";
import type { Credentials } from "../../src/orchestrator/access-keys.ts";
import { presign } from "../../src/lib/sigv4-signer.ts";
import { createReferenceDefinition } from "../../src/sdk/authoring/remote-task.ts";
import { controlPlaneOf } from "../../src/sdk/start/control-plane.ts";
import { startRemoteRun } from "../../src/sdk/start/remote-run.ts";
import { STORE_FILE } from "../../src/server/store-file.ts";
import { findSigningKeys } from "../../src/orchestrator/stored-signing-keys.ts";
import { openSqliteStore } from "../../src/store/sqlite/sqlite-store.ts";
import {
  DataProxyService,
  GetActionDataResponseSchema,
  TailLogsResponseSchema,
} from "../../src/wire/gen/flyteidl2/dataproxy/dataproxy_service_pb.js";
import { ImageSpecSchema } from "../../src/wire/gen/flyteidl2/imagebuilder/definition_pb.js";
import {
  GetActionDetailsResponseSchema,
  RunService,
} from "../../src/wire/gen/flyteidl2/workflow/run_service_pb.js";
import {
  engineCommand,
  engineOutput,
  insecureRegistryEnv,
  missingEngine,
  removeImagesNamed,
  removeImagesOf,
  watchContainers,
} from "../helpers/engine.ts";
import { startReceiver } from "../helpers/receiver.ts";
import { LOGIN, missingRegistry, startRegistry } from "../helpers/registry.ts";
import { BOXKITE, clientConfig, startServer, temporaryDirectory } from "../helpers/server.ts";
import { runProgram, stockPython, succeeded, writeProgram } from "../helpers/stock-sdk.ts";
import { until } from "../helpers/until.ts";

const ENGINE = "podman";
const SCOPE = { project: "flytesnacks", domain: "development" } as const;
const LABEL = `boxkite.test=secrets-${process.pid}`;

/** Prints and raises what its container was given, as it is and percent-encoded. */
const FLOW = `
import asyncio, os, sys
from urllib.parse import quote
import flyte
env = flyte.TaskEnvironment(name="e", image="ghcr.io/flyteorg/flyte:py3.11-v2.12.1")

@env.task
async def main() -> int:
    secrets = [os.environ["_U_EP_OVERRIDE"].split("/t/")[1], os.environ["FLYTE_AWS_SECRET_ACCESS_KEY"]]
    for secret in secrets:
        print("whole:", secret)
        print("encoded:", quote(secret, safe=""), file=sys.stderr)
        sys.stdout.write(secret[:9])
        sys.stdout.flush()
        sys.stdout.write(secret[9:] + "\\n")
    # The test looks at its container and at the machine's processes meanwhile.
    await asyncio.sleep(3)
    raise ValueError("no answer of http://host/t/" + " and ".join(secrets))
`;

const program = (hook: string, secret: string) => `
import sys, flyte, flow
from flyte import notify
from flyte.models import ActionPhase
flyte.init_from_config(sys.argv[1])
hook = notify.Webhook(on_phase=ActionPhase.FAILED, url="${hook}/told", headers={"x-secret": "${secret}"})
run = flyte.with_runcontext(name="uses-all", notifications=(hook,)).run(flow.main)
run.wait()
`;

const skip = missingRegistry() ?? missingEngine(ENGINE);

suite("secrets", { skip: skip ?? false }, () => {
  before(() => void stockPython());

  test("no secret that a run has used is left anywhere", async (t) => {
    const found = createFindings();
    const world = await setUp(t);
    const { url, data, secrets } = world;

    // A person and a machine, by each means that they have.
    const bearer = await accessToken(url, secrets.get("token") ?? "");
    secrets.set("access token", bearer);
    const cookie = await signedIn(url, secrets.get("token") ?? "");
    secrets.set("cookie", cookie.split("=")[1] ?? "");
    const keys = await world.boxkite<Credentials>("credentials", "--token", "ci", "--format", "json");
    secrets.set("S3 key", keys.secretAccessKey);
    const link = presign({
      ...keys,
      method: "PUT",
      origin: url,
      bucket: "boxkite",
      key: `${SCOPE.project}/${SCOPE.domain}/mine/x`,
      expiresInSeconds: 60,
      nowMs: Date.now(),
    });
    assert.equal((await fetch(link, { method: "PUT", body: "mine" })).status, 200);
    const calls = clientsOf(url, bearer);
    const upload = await calls.data.createUploadLocation({ ...SCOPE, filename: "f", filenameRoot: "root" });
    assert.equal((await fetch(upload.signedUrl, { method: "PUT", body: "x" })).status, 200);
    for (const [name, each] of Object.entries({ "own link": link, "given link": upload.signedUrl }))
      secrets.set(name, new URL(each).searchParams.get("X-Amz-Signature") ?? "");

    const image = await world.build();

    // The run, and what can be seen of it while it runs.
    const containers = watchContainers(ENGINE);
    let processes = "";
    const running = world.python(program(world.hook.url, secrets.get("webhook header") ?? ""));
    const seen = new AbortController();
    const watching = until(async () => {
      processes += execFileSync("ps", ["-eo", "args"], { encoding: "utf8" });
      return seen.signal.aborted;
    }, 300_000);
    await running;
    seen.abort();
    await watching;
    const container = [...(await containers.stop()).values()].find(({ run }) => run === "uses-all");
    const variable = (name: string) =>
      container?.env.find((each) => each.startsWith(`${name}=`))?.slice(name.length + 1) ?? "";
    // Which it shows for as long as the container lives: docs/security.md says so.
    secrets.set("attempt's token", variable("_U_EP_OVERRIDE").split("/t/")[1] ?? "");
    secrets.set("attempt's key", variable("FLYTE_AWS_SECRET_ACCESS_KEY"));
    await until(async () => world.hook.received.length > 0);
    assert.equal(world.hook.received[0]?.headers["x-secret"], secrets.get("webhook header"));
    for (const [name, text] of secrets) assert.ok(text.length >= 12, `${name} is ${JSON.stringify(text)}`);

    found.note("ps", processes);
    for (const [page, text] of await pagesOf(url, cookie)) found.note(`page ${page}`, text);
    for (const [call, text] of await answersOf(calls)) found.note(call, text);
    found.note("image inspect", await engineOutput(ENGINE, ["image", "inspect", image]));
    found.note("image history", await engineOutput(ENGINE, ["history", "--no-trunc", image]));
    const ended = ["inspect", "--type", "container", container?.id ?? ""];
    found.note("inspect", Object.values(await engineCommand(ENGINE, ended)).join("\n"));
    await world.stop();
    found.note("log", world.log());
    found.note("output", world.output());
    for (const [file, text] of await filesBelow(data)) found.note(`data ${file}`, text);
    for (const [file, text] of await filesBelow(world.temporary)) found.note(`temporary ${file}`, text);
    assert.ok(found.places() > 40, "the search has missed most of it");

    secrets.set("signing key", await signingKeyOf(data));
    const isStore = (place: string) => place.startsWith(`data ${STORE_FILE}`);
    const MAY_HAVE: Readonly<Record<string, (place: string) => boolean>> = {
      // What signs everything else.
      "signing key": isStore,
      // A part of what the author asked for: it is sent when the run has ended, and read by whoever may read the run.
      "webhook header": (place) => isStore(place) || place === "GetRunDetails",
      // Shown once, to whoever started the server.
      "first token": (place) => place === "output",
    };
    for (const [name, text] of secrets) {
      const mayHave = MAY_HAVE[name];
      const [allowed = [], others = []] = [true, false].map((is) =>
        found.of(text).filter((place) => (mayHave?.(place) === true) === is),
      );
      assert.deepEqual(others, [], name);
      assert.equal(allowed.length > 0, mayHave !== undefined, `the search does not find the ${name}`);
    }
    const log = found.textOf(/^data logs\/.*a0\/1\.log$/u);
    assert.equal(log.match(/whole: \*\*\*$/gmu)?.length, 2, log);
    assert.equal(log.match(/encoded: \*\*\*$/gmu)?.length, 2, log);
  });
});

async function setUp(t: TestContext) {
  const scratch = await temporaryDirectory(t);
  const [data, temporary, work] = ["data", "tmp", "work"].map((name) => join(scratch, name)) as [
    string,
    string,
    string,
  ];
  await Promise.all([mkdir(temporary), mkdir(work)]);
  const secret = () => `secret-${randomBytes(16).toString("hex")}`;
  const secrets = new Map([
    ["build secret", secret()],
    ["webhook header", secret()],
    ["registry password", LOGIN.password],
  ]);
  const registry = await startRegistry(join(scratch, "registry"), { login: true });
  t.after(() => registry.stop());
  const hook = await startReceiver(t);
  const base = `localhost/boxkite-secrets-${process.pid}/base:1`;
  const file = join(scratch, "Containerfile");
  await writeFile(file, `FROM docker.io/library/debian:12-slim\nLABEL ${LABEL}\n`);
  await engineOutput(ENGINE, ["build", "--pull=never", "--tag", base, "--file", file, scratch]);
  t.after(async () => {
    await removeImagesNamed(ENGINE, [`${registry.host}/`]);
    await removeImagesOf(ENGINE, LABEL);
  });
  const settings = join(scratch, "boxkite.yaml");
  await writeFile(
    settings,
    `registries:
  ${registry.host}:
    username: ${LOGIN.username}
    password-env: REGISTRY_PASSWORD
    projects: ["*"]
secrets:
  index_token:
    projects: ["*"]
egress:
  allow:
    - 127.0.0.1
`,
  );
  const server = await startServer(t, {
    args: ["--engine", ENGINE, "--data", data, "--auth", "tokens", "--config", settings],
    env: {
      ...(await insecureRegistryEnv(scratch, registry.host)),
      BOXKITE_BUILD_SECRET_INDEX_TOKEN: secrets.get("build secret"),
      REGISTRY_PASSWORD: LOGIN.password,
      TMPDIR: temporary,
    },
  });
  const events: unknown[] = [];
  const first = server.events[Symbol.asyncIterator]();
  const shown = (await first.next()).value as { readonly token: string };
  events.push(shown);
  void (async () => {
    for (let next = await first.next(); next.done !== true; next = await first.next())
      events.push(next.value);
  })();
  secrets.set("first token", shown.token);

  const boxkite = async <T>(...args: string[]): Promise<T> =>
    JSON.parse(
      succeeded(
        await runProgram(process.execPath, [BOXKITE, ...args, "--data", data], { cwd: work, env: {} }),
      ).stdout,
    ) as T;
  const role = ["--role", "runner", "--project", SCOPE.project];
  const { token } = await boxkite<{ token: string }>("token", "create", "ci", ...role, "--json");
  secrets.set("token", token);
  const config = join(work, "config.yaml");
  await writeFile(
    config,
    clientConfig(server.port).replace(`localhost:${server.port}`, `localhost:${server.port}/t/${token}`),
  );
  return {
    url: server.ready.url,
    data,
    temporary,
    secrets,
    hook,
    boxkite,
    log: server.log,
    output: () => JSON.stringify(events),
    stop: () => server.kill("SIGTERM"),
    python: async (text: string) => {
      await writeProgram(work, { "flow.py": FLOW, "main.py": text });
      return succeeded(await runProgram(stockPython(), ["main.py", config], { cwd: work }));
    },
    /** An image of the registry, whose build has used the secret; returns its name. */
    build: async (): Promise<string> => {
      const client = { ...(await loadConfig(config, {})), rootDir: work };
      const secretMounts = [{ key: "index_token", envVar: "INDEX_TOKEN" }];
      const cmd = ['test ${#INDEX_TOKEN} = 39 && echo "used it" > /used'];
      const spec = create(ImageSpecSchema, {
        baseImage: base,
        layers: [{ layer: { case: "commands", value: { cmd, secretMounts } } }],
      });
      const bytes = new Uint8Array(toBinary(ImageSpecSchema, spec));
      const place = { org: "", ...SCOPE };
      const { uri } = await uploadFile(await controlPlaneOf(client), place, "spec.pb", bytes);
      const task = createReferenceDefinition("build-image", "system", "production");
      const inputs = { spec: uri, context: "", target_image: `${registry.host}/team/built:1` };
      const run = await startRemoteRun(
        task,
        inputs,
        { cacheLookupScope: "project-domain", ...place },
        client,
      );
      await run.outputs();
      return inputs.target_image;
    },
  };
}

/** What was seen, by its place; and where a secret is in it, also in another encoding or in a part. */
function createFindings() {
  const texts = new Map<string, string>();
  return {
    note: (place: string, text: string) => void texts.set(place, text),
    places: () => texts.size,
    textOf: (place: RegExp) => [...texts].find(([name]) => place.test(name))?.[1] ?? "",
    of: (secret: string): string[] => {
      const forms = formsOf(secret);
      return [...texts]
        .filter(([, text]) => forms.some((form) => text.includes(form)))
        .map(([place]) => place);
    },
  };
}

/** The halves, for what a page of the database or the end of a line has cut; and the encodings of the whole. */
function formsOf(secret: string): string[] {
  const bytes = Buffer.from(secret);
  const half = Math.ceil(secret.length / 2);
  // Base64 within other text may begin at each of three places; the characters at its ends depend on what is beside it.
  const shifted = [0, 1, 2].map((shift) =>
    Buffer.concat([Buffer.alloc(shift), bytes])
      .toString("base64")
      .slice(shift === 0 ? 0 : 4, -4),
  );
  const encodings = [
    ...shifted,
    bytes.toString("base64url"),
    bytes.toString("hex"),
    encodeURIComponent(secret),
  ];
  // The first half of an attempt's token is its name.
  return [secret, secret.slice(-half), ...encodings];
}

function clientsOf(url: string, bearer: string) {
  const show: Interceptor = (next) => (request) => {
    request.header.set("authorization", `Bearer ${bearer}`);
    return next(request);
  };
  const transport = createConnectTransport({ baseUrl: url, httpVersion: "1.1", interceptors: [show] });
  return { runs: createClient(RunService, transport), data: createClient(DataProxyService, transport) };
}

async function accessToken(url: string, token: string): Promise<string> {
  const answer = await fetch(`${url}/oauth2/token`, {
    method: "POST",
    headers: { authorization: `Basic ${btoa(`ci:${token}`)}` },
    body: new URLSearchParams({ grant_type: "client_credentials" }),
  });
  return ((await answer.json()) as { access_token: string }).access_token;
}

async function signedIn(url: string, token: string): Promise<string> {
  const entered = await fetch(`${url}/login`, {
    method: "POST",
    redirect: "manual",
    headers: { origin: url },
    body: new URLSearchParams({ token }),
  });
  return entered.headers.get("set-cookie")?.split(";")[0] ?? "";
}

/** All pages that the lists and the run lead to, with what their scripts read. */
async function pagesOf(url: string, cookie: string): Promise<Map<string, string>> {
  const pages = new Map<string, string>();
  const run = `/v2/domain/${SCOPE.domain}/project/${SCOPE.project}/runs/uses-all`;
  const left = ["/v2", run, `${run}/inputs`, `${run}/log?i=a0&attempt=1`];
  for (let path = left.pop(); path !== undefined; path = left.pop()) {
    const [place = ""] = path.split("#");
    if (pages.has(place)) continue;
    const answer = await fetch(url + place, { headers: { cookie } });
    const text = await answer.text();
    pages.set(place, text + JSON.stringify([...answer.headers]));
    for (const [, link = ""] of text.matchAll(/(?:href|src)="(\/[^"]*)"/gu))
      if (link.startsWith("/v2")) left.push(link.replaceAll("&amp;", "&"));
  }
  // A page of a run that has ended has one message, and then the stream ends.
  const stream = await fetch(`${url}${run}/stream`, { headers: { cookie } });
  const reader = stream.body?.getReader();
  pages.set("stream", Buffer.from((await reader?.read())?.value ?? "").toString());
  await reader?.cancel();
  return pages;
}

async function answersOf({ runs, data }: ReturnType<typeof clientsOf>): Promise<Map<string, string>> {
  const runId = { ...SCOPE, name: "uses-all" };
  const actionId = { run: runId, name: "a0" };
  const details = await runs.getActionDetails({ actionId });
  const whole = await runs.getRunDetails({ runId });
  const lines: string[] = [];
  for await (const part of data.tailLogs({ actionId, attempt: 1 }))
    lines.push(toJsonString(TailLogsResponseSchema, part));
  return new Map([
    ["GetActionDetails", toJsonString(GetActionDetailsResponseSchema, details)],
    ["GetRunDetails", JSON.stringify(whole, (_, value: unknown) => (typeof value === "bigint" ? "" : value))],
    ["GetActionData", toJsonString(GetActionDataResponseSchema, await data.getActionData({ actionId }))],
    ["TailLogs", lines.join("\n")],
  ]);
}

async function filesBelow(directory: string): Promise<Map<string, string>> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  return new Map(
    await Promise.all(
      files.map(async (file) => [relative(directory, file), await readFile(file, "latin1")] as const),
    ),
  );
}

async function signingKeyOf(data: string): Promise<string> {
  const store = openSqliteStore(join(data, STORE_FILE));
  const [current] = (await findSigningKeys(store)) ?? [];
  await store.close();
  return current?.secret ?? "";
}
