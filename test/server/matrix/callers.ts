/** Everybody who calls in the matrix: what they show, and what rights they have. */
import { createClient } from "@connectrpc/connect";
import type { Grant } from "../../../src/domain/access-token.ts";
import type { Credentials } from "../../../src/orchestrator/access-keys.ts";
import { createToken } from "../../../src/server/create-token.ts";
import { tokenCredentials, userCredentials } from "../../../src/server/user-credentials.ts";
import { DataProxyService } from "../../../src/wire/gen/flyteidl2/dataproxy/dataproxy_service_pb.js";
import type { FakeAttempt } from "../../helpers/fake-executor.ts";
import { until } from "../../helpers/until.ts";
import type { Rights, Role } from "./expected.ts";
import {
  CONTAINER,
  ELSEWHERE,
  HOME,
  PRODUCTION,
  projectIdOf,
  type RunKey,
  type Shown,
  type World,
} from "./world.ts";

export interface Caller {
  readonly name: string;
  readonly rights: Rights;
  /** Anew for each request: wrong tokens of one address are counted. */
  shows(): Shown;
  /** Of the object store; undefined: requests are not signed. */
  readonly keys: Credentials | undefined;
  /** Undefined for those who have no browser. */
  readonly cookie?: string;
}

export const OWN: RunKey = { ...HOME, run: "r-own" };
export const STARTED: RunKey = { ...HOME, run: "r-started" };
export const NEIGHBOUR: RunKey = { ...HOME, run: "r-neighbour" };
export const IN_PRODUCTION: RunKey = { ...PRODUCTION, run: "r-live" };
export const OF_BETA: RunKey = { ...ELSEWHERE, run: "r-second" };
/** Started by somebody who may only read now. */
export const DEMOTED: RunKey = { ...HOME, run: "r-demoted" };

const NOBODY: Rights = { kind: "nobody" };

/** On a server where nobody has to log in. */
export async function callersWithoutLogin(world: World): Promise<readonly Caller[]> {
  for (const key of [OWN, STARTED, NEIGHBOUR, IN_PRODUCTION, OF_BETA, DEMOTED]) await world.start(key);
  return [
    {
      name: "everyone",
      rights: { kind: "everyone" },
      shows: () => ({}),
      keys: userCredentials(world.signingKeys, ""),
    },
    container("a container without a token, nobody has to log in"),
  ];
}

/** On a server that asks for tokens. Ends with a token that was lowered, after the server has noticed. */
export async function callersWithLogin(world: World): Promise<readonly Caller[]> {
  const { store, signingKeys } = world;
  const tokenOf = async (name: string, grant: Grant, expiresAt?: number) => {
    const { token, text } = await createToken(store, {
      name,
      grants: [grant],
      expiresAt,
      createdBy: "the test",
      at: 1,
    });
    return { id: token.id, text, keys: tokenCredentials(signingKeys, token.id) };
  };
  const person = async (
    name: string,
    grant: Grant,
    role: Role = grant.role,
    started: readonly string[] = [],
  ): Promise<Caller & { readonly text: string; readonly keys: Credentials }> => {
    const { text, keys } = await tokenOf(name, grant);
    const { project, domain } = grant;
    return {
      name: name.replaceAll("-", " "),
      rights: {
        kind: "person",
        role,
        started,
        ...(project !== undefined && { project }),
        ...(domain !== undefined && { domain }),
      },
      shows: () => ({ bearer: text }),
      keys,
      cookie: await signedIn(world.url, text),
      text,
    };
  };
  const { project } = HOME;
  const runner = await person("runner", { role: "runner", project }, "runner", [OWN.run, STARTED.run]);
  const demoted = await tokenOf("demoted", { role: "runner", project });
  const demotedAttempt = await world.start(DEMOTED, world.transport({ bearer: demoted.text }));
  await world.store.setTokenGrants(demoted.id, [{ role: "viewer", project }]);

  const ownAttempt = await world.start(OWN, world.transport({ bearer: runner.text }));
  const own = world.transport({ path: pathOf(ownAttempt) });
  await world.start(STARTED, own);
  const ended = await world.startChild(OWN, "ended", own);
  world.executor.end("ended");
  for (const key of [NEIGHBOUR, IN_PRODUCTION, OF_BETA]) await world.start(key);

  const revoked = await tokenOf("revoked", { role: "admin" });
  await store.revokeToken(revoked.id, 2);
  const expired = await tokenOf("expired", { role: "admin" }, 2);
  const task = (name: string, attempt: FakeAttempt, rights: Rights): Caller => ({
    name,
    rights,
    shows: () => ({ path: pathOf(attempt) }),
    keys: keysOf(attempt),
  });
  const callers = [
    { name: "a stranger", rights: NOBODY, shows: () => ({}), keys: undefined },
    invalid("a wrong token", "bkt_".padEnd(61, "x"), {
      ...runner.keys,
      secretAccessKey: "guessed",
    }),
    invalid("a revoked token", revoked.text, revoked.keys),
    invalid("an expired token", expired.text, expired.keys),
    container("a container without a token"),
    await person("viewer", { role: "viewer", project }),
    runner,
    await person("deployer", { role: "deployer", project }),
    await person("admin-of-the-project", { role: "admin", project }),
    await person("viewer-of-one-domain", { role: "viewer", ...HOME }),
    await person("admin-of-one-domain", { role: "admin", ...HOME }),
    await person("admin-of-everything", { role: "admin" }, "owner"),
    task("a live task", ownAttempt, {
      kind: "task",
      run: OWN.run,
      started: [STARTED.run],
      starter: runner.rights,
    }),
    task("a live task whose starter may only read now", demotedAttempt, {
      kind: "task",
      run: DEMOTED.run,
      started: [],
      starter: { kind: "person", role: "viewer", project, started: [DEMOTED.run] },
    }),
    task("an ended task", ended, NOBODY),
  ];
  await until(async () => !(await store.isLive(ended.spec.key)));
  const demotedCalls = createClient(DataProxyService, world.transport({ bearer: demoted.text }));
  // The server reads the tokens again every two seconds.
  await until(() =>
    demotedCalls.uploadInputs({ id: { case: "projectId", value: projectIdOf(HOME) } }).then(
      () => false,
      () => true,
    ),
  );
  return callers;
}

function container(name: string): Caller {
  return { name, rights: NOBODY, shows: () => ({ from: CONTAINER }), keys: undefined };
}

function invalid(name: string, bearer: string, keys: Credentials): Caller {
  return { name, rights: NOBODY, shows: () => ({ bearer, from: nextAddress() }), keys };
}

let addresses = 0;

/** All of 127.0.0.0/8 is this machine. */
function nextAddress(): string {
  const at = addresses++;
  return `127.1.${(at >> 8) & 255}.${at & 255}`;
}

export function pathOf({ spec: { env } }: FakeAttempt): string {
  const endpoint = env["_U_EP_OVERRIDE"] ?? "";
  return endpoint.slice(endpoint.indexOf("/"));
}

export function keysOf({ spec: { env } }: FakeAttempt): Credentials {
  return {
    accessKeyId: env["FLYTE_AWS_ACCESS_KEY_ID"] ?? "",
    secretAccessKey: env["FLYTE_AWS_SECRET_ACCESS_KEY"] ?? "",
  };
}

export async function signedIn(url: string, token: string): Promise<string> {
  const answer = await fetch(`${url}/login`, {
    method: "POST",
    redirect: "manual",
    headers: { origin: url },
    body: new URLSearchParams({ token }),
  });
  return answer.headers.get("set-cookie")?.split(";")[0] ?? "";
}
