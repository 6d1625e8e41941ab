/** `boxkite token`: who may use the server, and as what. Works beside a running server. */
import { userInfo } from "node:os";
import { describeGrant, isValid, type AccessToken } from "../../domain/access-token.ts";
import { BoxkiteError } from "../../domain/errors.ts";
import { systemClock } from "../../lib/clock.ts";
import { formatTime } from "../../pages/assets/time-format.js";
import type { Store } from "../../store/store.ts";
import { createToken, type CreatedToken } from "../../server/create-token.ts";
import { recordedIn } from "../audit-entry.ts";
import { EXIT, type Command, type CommandInput } from "../command.ts";
import { dataDirectory, openStoreIn } from "../data-directory.ts";
import { formatTable } from "../images/describe.ts";
import { readSettingsFile } from "../settings-file.ts";
import { verbOf } from "../verbs.ts";
import { findToken } from "./find-token.ts";
import { expiryOf, grantOf, grantsAfter, text } from "./token-options.ts";

export const token: Command = {
  name: "token",
  summary: "create, list, change or revoke the tokens by which people and machines sign in",
  positionals: ["create|list|grant|revoke", "[NAME]"],
  options: {
    name: { type: "string", value: "NAME", help: "create: what it is listed as; or the argument" },
    role: {
      type: "string",
      value: "ROLE",
      help: "create, grant: viewer, runner, deployer or admin; grant: none takes it away",
    },
    project: {
      type: "string",
      value: "NAME",
      help: "create, grant: where; without it everywhere, for the role admin only",
    },
    domain: { type: "string", value: "NAME", help: "create, grant: this domain of the project only" },
    expires: { type: "string", value: "TIME", help: "create: for how long, such as 90d or 12h (for ever)" },
    all: { type: "boolean", help: "list: those that are revoked or have expired too" },
    data: { type: "string", value: "DIR", help: "the server's data directory (~/.local/share/boxkite)" },
    config: { type: "string", value: "FILE", help: "the server's settings file, for its data directory" },
    json: { type: "boolean", help: "create, list: one JSON object a line" },
  },
  run,
};

const VERBS = {
  create: ["name", "role", "project", "domain", "expires", "json"],
  list: ["all", "json"],
  grant: ["role", "project", "domain"],
  revoke: [],
} as const;

async function run(input: CommandInput): Promise<number> {
  const { verb, name } = verbOf(input, "token", VERBS, "list");
  const directory = dataDirectory(input, await readSettingsFile(input));
  const store = await openStoreIn(directory);
  const recorded = <T>(token: string | undefined, work: () => Promise<T>): Promise<T> =>
    recordedIn(directory, `token ${verb}`, { kind: "token", key: token ?? "" }, work);
  try {
    switch (verb) {
      case "create":
        return printNew(await recorded(text(input, "name") ?? name, () => create(store, input, name)), input);
      case "list":
        return await list(store, input);
      case "grant":
        return await recorded(name, () => grant(store, input, name));
      case "revoke":
        return await recorded(name, () => revoke(store, name));
    }
  } finally {
    await store.close();
  }
}

async function create(
  store: Store,
  input: CommandInput,
  argument: string | undefined,
): Promise<CreatedToken> {
  const now = systemClock.now();
  const name = text(input, "name") ?? argument;
  if (name === undefined)
    throw new BoxkiteError("CONFIG_INVALID", "the token has no name", { hint: "add --name NAME" });
  return createToken(store, {
    name,
    grants: [await grantOf(store, input)],
    expiresAt: expiryOf(input, now),
    createdBy: userInfo().username,
    at: now,
  });
}

/** The token alone on standard output: `TOKEN=$(boxkite token create …)`. */
function printNew(
  { token: { id, name, grants, expiresAt }, text: shown }: CreatedToken,
  input: CommandInput,
): number {
  if (input.values["json"] === true) {
    process.stdout.write(`${JSON.stringify({ id, name, grants, expiresAt, token: shown })}\n`);
    return EXIT.ok;
  }
  process.stdout.write(`${shown}\n`);
  process.stderr.write(
    `${name}: ${grants.map(describeGrant).join(", ")}; ${expiresAt === undefined ? "does not expire" : `until ${formatTime(expiresAt)}`}. It is not shown again.\n`,
  );
  return EXIT.ok;
}

async function list(store: Store, { values }: CommandInput): Promise<number> {
  const now = systemClock.now();
  const tokens = (await store.listTokens()).filter((each) => values["all"] === true || isValid(each, now));
  if (values["json"] === true) {
    for (const { hash: _, ...shown } of tokens) process.stdout.write(`${JSON.stringify(shown)}\n`);
    return EXIT.ok;
  }
  const rows = tokens.map((each) => [
    each.name,
    each.id,
    each.grants.map(describeGrant).join(", ") || "nothing",
    formatTime(each.createdAt),
    each.createdBy,
    validityOf(each, now),
    each.usedAt === undefined ? "never" : formatTime(each.usedAt),
  ]);
  process.stdout.write(
    formatTable([["NAME", "ID", "MAY BE", "CREATED", "BY", "VALID", "LAST USED"], ...rows]),
  );
  return EXIT.ok;
}

function validityOf(token: AccessToken, now: number): string {
  if (token.revokedAt !== undefined) return `revoked ${formatTime(token.revokedAt)}`;
  if (token.expiresAt === undefined) return "for ever";
  return `${isValid(token, now) ? "until" : "expired"} ${formatTime(token.expiresAt)}`;
}

async function grant(store: Store, input: CommandInput, name: string | undefined): Promise<number> {
  const found = await findToken(store, name, "boxkite token grant NAME");
  const grants = await grantsAfter(store, found, input);
  await store.setTokenGrants(found.id, grants);
  process.stdout.write(`${found.name}: ${grants.map(describeGrant).join(", ") || "nothing"}\n`);
  return EXIT.ok;
}

async function revoke(store: Store, name: string | undefined): Promise<number> {
  const found = await findToken(store, name, "boxkite token revoke NAME");
  await store.revokeToken(found.id, systemClock.now());
  process.stdout.write(`${found.name} (${found.id}) is revoked\n`);
  return EXIT.ok;
}
