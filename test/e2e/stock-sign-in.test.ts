/** The stock command line against a server that asks for tokens, by each means that it has. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { readFile, writeFile } from "node:fs/promises";
import { connect, createServer, type AddressInfo, type Socket } from "node:net";
import { join } from "node:path";
import { createSecureContext, TLSSocket } from "node:tls";
import { test, type TestContext } from "node:test";
import { noteConnection } from "../../src/cli/config/connection.ts";
import { classWithoutBridges } from "../../src/platform/reach.ts";
import { createToken } from "../../src/server/create-token.ts";
import { STORE_FILE } from "../../src/server/store-file.ts";
import { openSqliteStore } from "../../src/store/sqlite/sqlite-store.ts";
import { createFakeExecutor } from "../helpers/fake-executor.ts";
import { startInProcess } from "../helpers/in-process-server.ts";
import { makeAuthority, type PrivateAuthority } from "../helpers/private-authority.ts";
import { BOXKITE, temporaryDirectory } from "../helpers/server.ts";
import { runProgram, stockPython, succeeded } from "../helpers/stock-sdk.ts";

const FLOW = `
import flyte
env = flyte.TaskEnvironment(name="e", image="localhost/none:1")

@env.task
def parent(x: int) -> int:
    return x
`;

test("flyte signs in by the path of its endpoint on loopback, by a command and by a secret over TLS", async (t) => {
  const server = await startInProcess(t, createFakeExecutor(), { auth: "tokens" });
  const directory = await temporaryDirectory(t);
  const store = openSqliteStore(join(server.directory, STORE_FILE));
  t.after(() => store.close());
  const grants = [{ role: "runner", project: "flytesnacks" }] as const;
  const made = { grants, expiresAt: undefined, createdBy: "me", at: Date.parse("2026-01-01") };
  const { text } = await createToken(store, { ...made, name: "ci" });
  const other = await createToken(store, { ...made, name: "other" });
  const authority = await makeAuthority(join(directory, "authority"));
  const tlsPort = await terminateTls(t, Number(new URL(server.url).port), authority);
  await Promise.all([
    writeFile(join(directory, "flow.py"), FLOW),
    writeFile(join(directory, "token"), `${text}\n`),
  ]);

  const flyte = async (admin: string, args: readonly string[], env: NodeJS.ProcessEnv = {}) => {
    const config = join(directory, `config-${admin.length}.yaml`);
    await writeFile(
      config,
      `admin:\n${admin}\ntask:\n  project: flytesnacks\n  domain: development\nimage:\n  builder: local\n`,
    );
    const { code, stdout, stderr } = await runProgram(
      join(stockPython(), "../flyte"),
      ["-c", config, ...args],
      { cwd: directory, env: { COLUMNS: "1000", ...env } },
    );
    return { code, text: stdout + stderr };
  };
  const plain = new URL(server.url).host;
  const ca = `  caCertFilePath: ${authority.caFile}\n  endpoint: dns:///localhost:${tlsPort}`;
  const ways = {
    path: `  endpoint: dns:///${plain}/t/${text}\n  insecure: true`,
    command: `${ca}\n  authType: ExternalCommand\n  command: [cat, ${join(directory, "token")}]`,
    secret: `${ca}\n  authType: ClientSecret\n  clientId: ci\n  clientSecretLocation: ${join(directory, "token")}`,
  };
  for (const [name, admin] of Object.entries(ways)) {
    const who = await flyte(admin, ["whoami"]);
    assert.equal(who.code, 0, `${name}: ${who.text}`);
    assert.match(who.text, /"subject": "ci"/u, name);
    assert.match(who.text, /runner of flytesnacks/u, name);
    const run = await flyte(admin, ["run", "--name", `by-${name}`, "flow.py", "parent", "--x", "1"]);
    assert.match(run.text, new RegExp(`Created Run: by-${name}`, "u"), name);
    const mine = await flyte(admin, ["get", "run", "--only-mine"]);
    assert.match(mine.text, new RegExp(`by-${name}`, "u"), name);
  }
  const others = ways.path.replace(text, other.text);
  assert.match((await flyte(others, ["get", "run"])).text, /by-secret/u);
  assert.doesNotMatch((await flyte(others, ["get", "run", "--only-mine"])).text, /by-secret/u);
  const stranger = await flyte(`  endpoint: dns:///${plain}\n  insecure: true`, ["get", "run"]);
  assert.notEqual(stranger.code, 0);
  assert.match(stranger.text, /asks for a token/u);
  const denied = await flyte(ways.path, ["create", "project", "--id", "p", "--name", "p"]);
  assert.match(denied.text, /token ci may not create project p/u);
});

test("where containers come over loopback flyte is let in by the file of boxkite config create", async (t) => {
  const reach = { listenAt: "127.0.0.1", accepts: () => true, classOf: classWithoutBridges };
  const server = await startInProcess(t, createFakeExecutor(), {
    reach,
    taskReach: reach,
  });
  const port = Number(new URL(server.url).port);
  await noteConnection(server.directory, { host: "127.0.0.1", port, login: "local-secret" });
  const directory = await temporaryDirectory(t);
  await writeFile(join(directory, "flow.py"), FLOW);
  const flyte = async (...args: readonly string[]) => {
    const { code, stdout, stderr } = await runProgram(join(stockPython(), "../flyte"), args, {
      cwd: directory,
      env: { COLUMNS: "1000" },
    });
    return { code, text: stdout + stderr };
  };
  const endpoint = ["--endpoint", `127.0.0.1:${port}`, "--insecure", "--domain", "development"];
  await flyte("create", "config", ...endpoint, "--project", "flytesnacks");
  const refused = await flyte("get", "project");
  assert.notEqual(refused.code, 0);
  assert.match(refused.text, /asks for the local login secret[^]*boxkite config create/u);

  const create = ["config", "create", "--force", "--data", server.directory];
  succeeded(await runProgram(process.execPath, [BOXKITE, ...create], { cwd: directory, env: {} }));
  assert.match((await flyte("get", "project")).text, /flytesnacks/u);
  const run = await flyte("run", "--name", "r", "flow.py", "parent", "--x", "1");
  assert.match(run.text, /Created Run: r/u);
  assert.ok(!run.text.includes(server.localSecret), "the address of the run's page is without the secret");
});

/** Takes TLS and, where the server gives its own origin, plain HTTP at the same port. */
async function terminateTls(t: TestContext, port: number, authority: PrivateAuthority): Promise<number> {
  const secureContext = createSecureContext({
    cert: await readFile(authority.certificate),
    key: await readFile(authority.key),
  });
  const sockets = new Set<Socket>();
  const proxy = createServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => socket.destroy());
    socket.once("readable", () => {
      const first = socket.read(1) as Buffer | null;
      if (first === null) return;
      socket.unshift(first);
      const inner = first[0] === 0x16 ? new TLSSocket(socket, { isServer: true, secureContext }) : socket;
      const server = connect(port, "127.0.0.1");
      for (const each of [inner, server]) each.on("error", () => each.destroy());
      inner.pipe(server).pipe(inner);
    });
  });
  proxy.listen(0, "127.0.0.1");
  await once(proxy, "listening");
  t.after(() => {
    proxy.close();
    for (const socket of sockets) socket.destroy();
  });
  return (proxy.address() as AddressInfo).port;
}
