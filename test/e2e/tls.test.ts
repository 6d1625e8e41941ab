/** Clients over TLS: the stock Python SDK, the TypeScript client, and programs as docs/security.md has them. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { once } from "node:events";
import { chmod, readFile, writeFile } from "node:fs/promises";
import { connect as connectHttp2 } from "node:http2";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { before, test, type TestContext } from "node:test";
import { connect } from "node:tls";
import { createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { createControlPlane } from "../../src/client/control-plane.ts";
import { createTransport, trustOf } from "../../src/client/transport.ts";
import { uploadFile } from "../../src/client/upload.ts";
import { ProjectService } from "../../src/wire/gen/flyteidl2/project/project_service_pb.js";
import { makeAuthority } from "../helpers/private-authority.ts";
import { fencesRunBy } from "../helpers/documents.ts";
import { MAIN, outcomeOf } from "../helpers/process-subject.ts";
import { BOXKITE, startServer, temporaryDirectory, type TestServer } from "../helpers/server.ts";
import { runProgram, stockPython, succeeded, writeProgram } from "../helpers/stock-sdk.ts";
import { until } from "../helpers/until.ts";

const FLOW = `
import flyte
env = flyte.TaskEnvironment(name="e")

@env.task
async def child(x: int) -> int:
    return x + 1

@env.task
async def parent(x: int) -> int:
    return await child(x)
`;

let python = "";
before(() => (python = stockPython()));

const processArgs = () => ["--engine", "process", "--python", python, "--ephemeral"];

/** A client's configuration over TLS. */
async function configOver(t: TestContext, server: TestServer, ca: string): Promise<string> {
  const file = join(await temporaryDirectory(t), "config.yaml");
  const plain = `admin:
  endpoint: dns:///localhost:${server.port}
  insecure: false
  caCertFilePath: ${ca}
task:
  project: flytesnacks
  domain: development
image:
  builder: local
`;
  await writeFile(file, plain);
  return file;
}

test("over TLS with the server's own authority", async (t) => {
  const server = await startServer(t, { args: [...processArgs(), "--tls-self-signed"] });
  const ca = join(server.ready.data, "tls/ca.crt");
  const config = await configOver(t, server, ca);
  const origin = `https://localhost:${server.port}`;
  assert.equal(server.ready.url, origin);

  await t.test("the stock SDK runs a workflow, whose links are https", async (t) => {
    const directory = await temporaryDirectory(t);
    await writeProgram(directory, { "flow.py": FLOW, "main.py": MAIN });
    const env = { SSL_CERT_FILE: ca };
    const ran = await runProgram(python, ["main.py", config, "parent", '{"x": 1}'], { cwd: directory, env });
    const outcome = outcomeOf(succeeded(ran));
    assert.deepEqual(outcome.outputs, [2]);
    assert.ok(outcome.url.startsWith(`${origin}/v2/`), outcome.url);
    assert.ok(server.log().includes(`url=${outcome.url}`) || server.log().includes(`"url":"${outcome.url}"`));
    // As browsers do over TLS.
    const session = connectHttp2(origin, { ca: await readFile(ca) });
    t.after(() => session.destroy());
    const page = session.request({ ":path": new URL(outcome.url).pathname }).end();
    assert.match(await text(page), /data-phase="succeeded"/u);
  });

  await t.test("who does not know the authority gets nothing", async (t) => {
    const directory = await temporaryDirectory(t);
    const other = await makeAuthority(join(directory, "other"));
    const wrong = await configOver(t, server, other.caFile);
    const flyte = join(python, "../flyte");
    const refused = await runProgram(flyte, ["-c", wrong, "get", "project"], { cwd: directory });
    assert.notEqual(refused.code, 0);
    const known = await runProgram(flyte, ["-c", config, "get", "project"], { cwd: directory });
    assert.match(succeeded(known).stdout, /flytesnacks/u);
  });

  await t.test("the TypeScript client calls and uploads; gRPC works, too", async () => {
    const options = { baseUrl: origin, caCertFilePath: ca };
    const controlPlane = createControlPlane(origin, createTransport(options), trustOf(options));
    const target = { org: "", project: "flytesnacks", domain: "development" };
    const { uri } = await uploadFile(controlPlane, target, "file", new Uint8Array([1, 2, 3]));
    assert.match(uri, /^s3:/u);
    const grpc = createGrpcTransport({ baseUrl: origin, nodeOptions: trustOf(options) });
    const { projects } = await createClient(ProjectService, grpc).listProjects({});
    assert.deepEqual(
      projects?.projects.map(({ id }) => id),
      ["flytesnacks"],
    );
    const stranger = createControlPlane(origin, createTransport({ baseUrl: origin }));
    await assert.rejects(
      uploadFile(stranger, target, "file", new Uint8Array([1])),
      /caCertFilePath|certificate/u,
    );
  });

  await t.test("docs/security.md says how to verify it", async (t) => {
    const directory = await temporaryDirectory(t);
    await writeFile(join(directory, "boxkite.yaml"), `data: ${server.ready.data}\ntls-self-signed: true\n`);
    const boxkite = join(directory, "boxkite");
    await writeFile(boxkite, `#!/bin/sh\nexec "${process.execPath}" "${BOXKITE}" "$@"\n`);
    await chmod(boxkite, 0o700);
    const [fence] = fencesRunBy("test/e2e/tls.test.ts", "docs/security.md");
    const lines = (fence?.text ?? "")
      .replaceAll("30080", String(server.port))
      .replaceAll("DATA", server.ready.data)
      .trim()
      .split("\n");
    const outputs: string[] = [];
    for (const line of lines) outputs.push(await shell(line, directory));
    const [doctor = "", live, old = "", forged] = outputs;
    assert.match(doctor, /access .*this machine and its containers[^]*tls .*is valid until/u);
    assert.equal(live, "ok\n");
    assert.match(old, /alert|no protocols available|handshake failure/u);
    assert.doesNotMatch(old, /BEGIN CERTIFICATE/u);
    assert.equal(forged, "");
  });
});

test("open to anyone it is loud; a certificate that is replaced is served after SIGHUP", async (t) => {
  const directory = await temporaryDirectory(t);
  const first = await makeAuthority(directory);
  const args = ["--tls-cert", first.certificate, "--tls-key", first.key];
  const open = ["--host", "0.0.0.0", "--insecure-no-auth"];
  const server = await startServer(t, { args: [...processArgs(), ...args, ...open] });
  const url = `http://localhost:${server.port}`;
  for (const path of ["/v2", "/v2/nothing"])
    assert.match(await (await fetch(`${url}${path}`)).text(), /This server is open to anyone/u, path);
  await until(async () => /"warn".*other machines can connect without a login/u.test(server.log()));

  const serial = async () => {
    const socket = connect({ port: server.port, host: "localhost", rejectUnauthorized: false });
    await once(socket, "secureConnect");
    const { serialNumber } = socket.getPeerCertificate();
    socket.destroy();
    return serialNumber;
  };
  const before = await serial();
  await makeAuthority(directory);
  process.kill(server.ready.pid, "SIGHUP");
  await until(async () => (await serial()) !== before);
  await writeFile(first.certificate, "nothing");
  process.kill(server.ready.pid, "SIGHUP");
  await until(async () => /the previous one stays.*has no certificate in PEM/u.test(server.log()));
  assert.notEqual(await serial(), before);
});

/** Both streams, whatever the exit code. */
function shell(line: string, cwd: string): Promise<string> {
  const env = { ...process.env, PATH: `${cwd}:${process.env["PATH"]}` };
  return new Promise((resolve) => {
    execFile("sh", ["-c", line], { cwd, env, timeout: 60_000 }, (_error, stdout, stderr) =>
      resolve(stdout + (line.startsWith("openssl") ? stderr : "")),
    );
  });
}
