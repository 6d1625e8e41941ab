/** What the options of `boxkite token` mean. */
import {
  describeGrant,
  replaceGrant,
  type AccessToken,
  type Grant,
  type Scope,
} from "../../domain/access-token.ts";
import { BoxkiteError } from "../../domain/errors.ts";
import { DOMAINS, isDomain } from "../../domain/ids.ts";
import { isRole, ROLES, type Role } from "../../domain/roles.ts";
import type { StoreReader } from "../../store/reader.ts";
import { invalidSetting, optionOf } from "../check-setting.ts";
import type { CommandInput } from "../command.ts";
import { parseDuration } from "../duration.ts";

export function text({ values }: CommandInput, name: string): string | undefined {
  return values[name] as string | undefined;
}

/** Throws CONFIG_INVALID. */
export async function grantOf(store: StoreReader, input: CommandInput): Promise<Grant> {
  const role = roleOf(input);
  return { role, ...(await scopeOf(store, input, role)) };
}

/** Throws CONFIG_INVALID. */
function roleOf(input: CommandInput, others: readonly string[] = []): Role {
  const role = text(input, "role");
  if (role !== undefined && isRole(role)) return role;
  throw new BoxkiteError(
    "CONFIG_INVALID",
    role === undefined ? "no role is named" : `there is no role ${JSON.stringify(role)}`,
    { hint: `add --role with one of: ${[...ROLES, ...others].join(", ")}` },
  );
}

/** What `grant` leaves of a token's roles. Throws CONFIG_INVALID, too for a role to take away that the token does not have. */
export async function grantsAfter(
  store: StoreReader,
  { name, grants }: AccessToken,
  input: CommandInput,
): Promise<readonly Grant[]> {
  if (text(input, "role") !== NO_ROLE) {
    const role = roleOf(input, [NO_ROLE]);
    return replaceGrant(grants, await scopeOf(store, input, role), role);
  }
  const left = replaceGrant(grants, await scopeOf(store, input, "admin"), undefined);
  if (left.length < grants.length) return left;
  const has = grants.map(describeGrant).join(", ") || "nothing";
  throw new BoxkiteError("CONFIG_INVALID", `token ${name} has no role in exactly this scope: it is ${has}`, {
    hint: "give the --project and --domain of a role that it has, and neither for a role in everything",
  });
}

const NO_ROLE = "none";

/** Throws CONFIG_INVALID, too for a role that is not granted everywhere. */
async function scopeOf(store: StoreReader, input: CommandInput, role: Role): Promise<Scope> {
  const [project, domain] = [text(input, "project"), text(input, "domain")];
  if (project === undefined) {
    if (domain !== undefined)
      throw new BoxkiteError("CONFIG_INVALID", "--domain is set and --project is not", {
        hint: "add --project NAME",
      });
    if (role === "admin") return {};
    throw new BoxkiteError("CONFIG_INVALID", `the role ${role} is granted in a project only`, {
      hint: "add --project NAME",
    });
  }
  if ((await store.getProject(project)) === undefined)
    throw new BoxkiteError("CONFIG_INVALID", `there is no project ${JSON.stringify(project)}`, {
      hint: `create it with flyte create project --id ${project} --name ${project}`,
    });
  if (domain === undefined) return { project };
  if (isDomain(domain)) return { project, domain };
  throw new BoxkiteError("CONFIG_INVALID", `there is no domain ${JSON.stringify(domain)}`, {
    hint: `use one of: ${DOMAINS.join(", ")}`,
  });
}

/** The time from `--expires 90d`; undefined without it. Throws CONFIG_INVALID, too for a token that would never be valid. */
export function expiryOf(input: CommandInput, now: number): number | undefined {
  const expires = optionOf(input, "expires");
  if (expires === undefined) return undefined;
  const duration = parseDuration(expires.value);
  if (duration !== undefined && duration > 0) return now + duration;
  throw invalidSetting(expires, "a time like 90d, 12h or 30m");
}
