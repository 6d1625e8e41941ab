/** `boxkite up`: the server in the foreground, until SIGINT or SIGTERM, or until another server takes over its store. */
import { join } from "node:path";
import { BoxkiteError } from "../domain/errors.ts";
import { RUNTIMES_DIRECTORY } from "../python-runtime/runtime-store.ts";
import type { Platform } from "../platform/platform.ts";
import { choosePlatform } from "../platform/choose.ts";
import { systemClock } from "../lib/clock.ts";
import { createLogger, type Logger } from "../lib/log.ts";
import { openDataDirectory, type DataDirectory } from "../server/data-directory.ts";
import { widened } from "../platform/reach.ts";
import { sharePorts } from "../server/shared-ports.ts";
import { startServer, type Server } from "../server/server.ts";
import type { Certificates } from "../server/tls/certificates.ts";
import { isOpen } from "./access-settings.ts";
import { banner, firstTokenText, readyEvent } from "./announce.ts";
import { EXIT, type Command, type CommandInput } from "./command.ts";
import { connectionOf, noteConnection } from "./config/connection.ts";
import { DEFAULT_PORT } from "./default-port.ts";
import { nvidiaDriver } from "./images/nvidia-driver.ts";
import { untilShellEnds } from "./npx-shell.ts";
import { unusableHost } from "./own-addresses.ts";
import { openTls, reloadOnHangup } from "./tls.ts";
import { packageVersion } from "./version.ts";
import { publicUrl } from "./public-url.ts";
import { announceStop, untilSignal } from "./stopping.ts";
import { readUpSettings, type UpSettings } from "./up-settings.ts";

export const up: Command = {
  name: "up",
  summary: "start the server in the foreground",
  options: {
    port: { type: "string", value: "N", help: `port to listen on; 0 takes a free one (${DEFAULT_PORT})` },
    host: {
      type: "string",
      value: "ADDRESS",
      help: "accept connections at this address too (loopback and the engine's bridge)",
    },
    "server-name": {
      type: "string",
      value: "NAMES",
      help: "DNS names by which clients know the server, with commas between them",
    },
    auth: { type: "string", value: "MODE", help: "who may do what: off, everybody everything; tokens (off)" },
    "insecure-no-auth": {
      type: "boolean",
      help: "let other machines connect with --auth off: whoever does may do everything",
    },
    "tls-cert": { type: "string", value: "FILE", help: "the server's certificate and its chain, in PEM" },
    "tls-key": { type: "string", value: "FILE", help: "the key of the certificate, in PEM" },
    "tls-self-signed": { type: "boolean", help: "make a certificate, and an authority for clients to trust" },
    "behind-proxy": {
      type: "string",
      value: "ADDRESSES",
      help: "proxies whose X-Forwarded-* headers are believed, with commas between them",
    },
    data: { type: "string", value: "DIR", help: "where all state is kept (~/.local/share/boxkite)" },
    ephemeral: { type: "boolean", help: "keep state in a temporary directory and forget it at the end" },
    engine: { type: "string", value: "NAME", help: "auto, podman, docker or process (auto)" },
    python: {
      type: "string",
      value: "FILE",
      help: "with --engine process: the interpreter whose environment has flyte",
    },
    "max-parallel": {
      type: "string",
      value: "N",
      help: "attempts that compute at the same time (2 per processor)",
    },
    "cap-cpu": {
      type: "boolean",
      help: "run a task that asks for more processors than there are with those; without it it is refused",
    },
    "strict-images": {
      type: "boolean",
      help: "start every image as a black box: nothing is adapted so that it runs",
    },
    "warm-starts": {
      type: "string",
      value: "MODE",
      help: "containers that wait for attempts with their runtime loaded: off, one-shot or fork (one-shot)",
    },
    "warm-memory": {
      type: "string",
      value: "AMOUNT",
      help: "memory that such containers may take while they wait: a part of the engine's memory (25%) or an amount (2GiB)",
    },
    "warm-workers": {
      type: "string",
      value: "N",
      help: "such containers at the same time (as --max-parallel)",
    },
    "image-policy": {
      type: "string",
      value: "NAME",
      help: "which image a tag names for a run: what it names then (always), or what the last run used (pinned)",
    },
    "no-image-check": {
      type: "boolean",
      help: "start runs without reading their images first: what is wrong with one is found by its first attempt",
    },
    "linger-seconds": {
      type: "string",
      value: "N",
      help: "seconds that a process may go on once its outputs or error are written (30)",
    },
    "keep-logs-days": {
      type: "string",
      value: "N",
      help: "days that logs stay after the end of their run; 0: for ever (30)",
    },
    "keep-audit-days": {
      type: "string",
      value: "N",
      help: "days that the audit log stays; 0: for ever (90)",
    },
    "max-log-mib": { type: "string", value: "N", help: "MiB kept of one attempt's log (256)" },
    config: {
      type: "string",
      value: "FILE",
      help: "settings in YAML: the same names as these options, and more (docs/configuration.md)",
    },
    json: { type: "boolean", help: "one JSON object a line; the first says that the server is ready" },
    quiet: { type: "boolean", short: "q", help: "log warnings and errors only, no line for each run" },
    verbose: { type: "boolean", short: "v", help: "log debug messages too" },
  },
  run,
};

async function run(input: CommandInput): Promise<number> {
  // Watched from the start: whoever reads that the server is ready may end it at once.
  const shellEnded = untilShellEnds(input.env, systemClock);
  // From the start of the process: that is what the user waits for.
  const settings = await readUpSettings(input);
  const log = createLogger({
    format: settings.json ? "json" : "text",
    level: settings.verbose ? "debug" : settings.quiet ? "warn" : "info",
  });
  // Closed in any case, the last opened first.
  await using opened = new AsyncDisposableStack();
  // First what takes no time: finding an engine may take seconds.
  const data = await openDataDirectory(settings.ephemeral ? undefined : settings.data);
  opened.defer(() => data.close());
  const platform = await choosePlatform(settings, input.env);
  opened.defer(() => platform.close());
  opened.defer(await sharePorts({ ports: settings.sharedPorts, reach: platform, log }));
  const certificates = await openTls(settings.access, data.path, { clock: systemClock, log });
  opened.defer(() => certificates?.close());
  opened.defer(reloadOnHangup(certificates));
  const server = await start(settings, platform, data, certificates, log);
  const stopping = new AbortController();
  let probing: Promise<void> | undefined;
  opened.defer(() => probing);
  opened.defer(() => server.close());
  opened.defer(() => stopping.abort());
  const signalled = untilSignal(systemClock);
  await noteConnection(data.path, connectionOf(settings.access, server, data.path));
  announce(settings, platform, data, server, certificates);
  report(settings, platform, log);
  // Reported after "ready": it starts a container, which takes longer than everything else.
  probing = probe(platform, server, settings, log, stopping.signal);
  const end = await Promise.race([signalled, shellEnded, server.leaseLost]);
  if (end instanceof BoxkiteError) throw end;
  await announceStop(server, end, { ephemeral: data.ephemeral, clock: systemClock, log });
  await opened.disposeAsync();
  log.info("stopped", { signal: end.signal });
  return EXIT.ok;
}

async function start(
  settings: UpSettings,
  platform: Platform,
  data: DataDirectory,
  certificates: Certificates | undefined,
  log: Logger,
): Promise<Server> {
  const { access } = settings;
  const imageCheck = settings.imageCheck
    ? { driver: await nvidiaDriver(), isStrict: settings.strictImages }
    : "off";
  return await startServer({
    dataDirectory: data.path,
    ephemeral: data.ephemeral,
    reach: widened(platform, access.host),
    taskReach: platform.containerConnections === "loopback" ? platform : undefined,
    port: settings.port,
    certificates,
    proxies: access.proxies,
    auth: access.auth,
    hostNames: isOpen(access) ? "any" : access.serverNames,
    publicUrl: (port) => publicUrl({ access, port, certificate: certificates?.current.certificate }),
    isOpenToAnyone: access.insecureNoAuth,
    createExecutor: (context) =>
      platform.createExecutor({ ...context, runtimesDirectory: join(settings.data, RUNTIMES_DIRECTORY) }),
    createImageTools: platform.createImageTools,
    buildScopes: settings,
    version: packageVersion(),
    egress: settings.egress,
    maxParallel: settings.maxParallel,
    queues: settings.queues,
    quotas: settings.quotas,
    capCpu: settings.capCpu,
    imageCheck,
    imagePolicy: settings.imagePolicy,
    lingerMs: settings.lingerMs,
    maxLogBytes: settings.maxLogBytes,
    keepLogsDays: settings.keepLogsDays,
    keepAuditDays: settings.keepAuditDays,
    log,
  });
}

function announce(
  settings: UpSettings,
  platform: Platform,
  data: DataDirectory,
  server: Server,
  certificates: Certificates | undefined,
): void {
  const announcement = {
    version: packageVersion(),
    port: server.port,
    url: server.url,
    readyMs: Math.round(performance.now()),
    engine: { description: server.executor.description, summary: platform.engineReport.summary },
    containerConnections: platform.containerConnections,
    taskPort: server.taskPort,
    localSecret: server.localSecret,
    data,
    access: settings.access,
    certificateUntilMs: certificates?.current.notAfterMs,
  };
  process.stdout.write(
    settings.json ? `${JSON.stringify(readyEvent(announcement))}\n` : banner(announcement),
  );
  if (server.firstToken !== undefined) process.stdout.write(firstTokenText(server.firstToken, settings.json));
}

/** What will not work is reported now, not by the first run that needs it. */
function report(settings: UpSettings, platform: Platform, log: Logger): void {
  const { host, insecureNoAuth } = settings.access;
  const unusable = unusableHost(host);
  if (unusable !== undefined) log.warn("--host opens the server to nobody", { why: unusable });
  if (insecureNoAuth) {
    const hint = "use --auth tokens and --tls-self-signed instead of --insecure-no-auth";
    log.warn("other machines can connect without a login: whoever does may do everything", { hint });
  }
  for (const { what, hint } of platform.engineReport.advice) log.warn(what, { hint });
  const given = Object.entries(settings.containers).filter(([, isGiven]) => isGiven === true);
  if (given.length > 0)
    log.info("task containers are given of this machine", { given: given.map(([name]) => name) });
}

async function probe(
  platform: Platform,
  server: Server,
  settings: UpSettings,
  log: Logger,
  signal: AbortSignal,
): Promise<void> {
  try {
    const result = await platform.probe(server.taskPort ?? server.port, signal);
    if (result === undefined || signal.aborted) return;
    if (settings.json) process.stdout.write(`${JSON.stringify({ event: "probe", ...result })}\n`);
    else if (result.note !== undefined)
      log.warn("whether containers reach the server was not tried", { why: result.note });
    else log.info("containers reach the server", { endpoint: result.endpoint });
  } catch (error) {
    if (signal.aborted) return;
    const { message, hint } = error as BoxkiteError;
    if (settings.json)
      process.stdout.write(`${JSON.stringify({ event: "probe", ok: false, message, hint })}\n`);
    else log.error("a container was tried: no run will work", { error, hint });
  }
}
