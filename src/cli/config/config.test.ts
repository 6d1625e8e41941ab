import assert from "node:assert/strict";
import { mkdir, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { parse } from "yaml";
import { auditLines } from "../../../test/helpers/audit-lines.ts";
import { runProgram, succeeded } from "../../../test/helpers/stock-sdk.ts";
import { temporaryDirectory } from "../../../test/helpers/server.ts";
import { loadConfig } from "../../client/config-file.ts";
import { baseUrlOf } from "../../client/endpoint.ts";
import { systemClock } from "../../lib/clock.ts";
import { rotateSigningKeys } from "../../orchestrator/stored-signing-keys.ts";
import { localSecretOf } from "../../server/local-login.ts";
import { STORE_FILE } from "../../server/store-file.ts";
import { openSqliteStore } from "../../store/sqlite/sqlite-store.ts";
import { readSigningKeys } from "../signing-keys.ts";
import { connectionOf, noteConnection, type Connection } from "./connection.ts";

const MAIN = join(import.meta.dirname, "../main.ts");
const SERVER = { port: 30_080, login: "none" } as const;

async function subject(t: TestContext, connection: Connection) {
  const directory = await temporaryDirectory(t);
  const data = join(directory, "data");
  await mkdir(data);
  const store = openSqliteStore(join(data, STORE_FILE));
  await rotateSigningKeys(store, systemClock, 0);
  const secret = localSecretOf(await readSigningKeys(store));
  await store.close();
  await noteConnection(data, connection);
  const create = (...args: string[]) =>
    runProgram(process.execPath, [MAIN, "config", "create", "--data", data, ...args], {
      cwd: directory,
      env: {},
    });
  return { directory, data, secret, create, file: join(directory, ".flyte/config.yaml") };
}

test("where nobody has to log in the file is that of flyte create config --devbox", async (t) => {
  const { create, file } = await subject(t, { host: "localhost", ...SERVER });
  const { stdout, stderr } = succeeded(await create());
  assert.match(stdout, /^\.flyte\/config\.yaml is written/u);
  assert.equal(stderr, "");
  // Byte for byte what flyte 2.12.1 writes.
  assert.equal(
    await readFile(file, "utf8"),
    "admin:\n  endpoint: dns:///localhost:30080\n  insecure: true\nimage:\n  builder: local\n" +
      "task:\n  domain: development\n  project: flytesnacks\n",
  );
  assert.equal((await stat(file)).mode & 0o777, 0o644);

  const again = await create();
  assert.equal(again.code, 2);
  assert.match(again.stderr, /exists already\ntry: --force/u);
  succeeded(await create("--force", "--project", "p", "--domain", "production", "--builder", "remote"));
  const forced = parse(await readFile(file, "utf8")) as Record<string, unknown>;
  assert.deepEqual(
    [forced["task"], forced["image"]],
    [{ domain: "production", project: "p" }, { builder: "remote" }],
  );
});

test("the local login secret is in the path of the endpoint, in a file that only its owner may read", async (t) => {
  const connection = { host: "localhost", port: 1234, login: "local-secret" } as const;
  const { directory, data, secret, create, file } = await subject(t, connection);
  await mkdir(join(directory, ".flyte"));
  await writeFile(file, "old", { mode: 0o644 });
  const { stdout, stderr } = succeeded(await create("--force"));
  assert.equal((await stat(file)).mode & 0o777, 0o600);
  assert.match(stderr, /out of version control/u);
  assert.ok(!(stdout + stderr).includes(secret));
  assert.deepEqual(
    auditLines(data).map(({ kind, call, result }) => [kind, call, result]),
    [["change", "boxkite config create", "ok"]],
  );
  // The TypeScript SDK reads the same file.
  const { endpoint = "", insecure } = await loadConfig(file, {});
  assert.equal(baseUrlOf(endpoint, insecure), `http://localhost:1234/t/${secret}`);
});

test("who asks for what cannot be is refused, with what to do", async (t) => {
  const { directory, create } = await subject(t, { host: "localhost", port: 1, login: "token" });
  const elsewhere = join(directory, "none");
  const rows: readonly [args: readonly string[], RegExp][] = [
    [["--data", elsewhere], /no server has started on .*\/none\ntry: start it first: boxkite up/u],
    [["--domain", "moon"], /--domain is "moon"; it must be one of development/u],
    [["--builder", "me"], /--builder is "me"; it must be one of local, remote/u],
    [["--file", join(directory, "data", STORE_FILE, "x")], /cannot write .*\ntry: .*--file FILE/u],
  ];
  await Promise.all(
    rows.map(async ([args, expected]) => {
      const { code, stderr } = await create(...args);
      assert.equal(code, 2, args.join(" "));
      assert.match(stderr, expected);
    }),
  );
  assert.match((await create()).stderr, /asks for a token.*boxkite token create, and .*\/t\/TOKEN/u);
});

test("with TLS the client verifies the server: by its authority, or by the name that the settings give", () => {
  const none = { tls: undefined, serverNames: [] };
  assert.deepEqual(connectionOf(none, SERVER, "/data"), { host: "localhost", ...SERVER });
  const own = { tls: { kind: "self-signed" }, serverNames: ["box.example"] } as const;
  assert.deepEqual(connectionOf(own, SERVER, "/data"), {
    host: "localhost",
    ...SERVER,
    tls: { authority: "/data/tls/ca.crt" },
  });
  const files = { kind: "files", files: { certificate: "c", key: "k" } } as const;
  const named = connectionOf({ tls: files, serverNames: ["box.example"] }, SERVER, "/data");
  assert.deepEqual(named, { host: "box.example", ...SERVER, tls: {} });
  // Its own machine may use plain HTTP.
  const nameless = connectionOf({ tls: files, serverNames: [] }, SERVER, "/data");
  assert.deepEqual(nameless, { host: "localhost", ...SERVER });
});
