/** `boxkite keys`: the keys that sign tokens, links and keys to the object store; beside a server that runs or not. */
import { systemClock } from "../lib/clock.ts";
import { findSigningKeys, rotateSigningKeys, type KeyRing } from "../orchestrator/stored-signing-keys.ts";
import { formatTime } from "../pages/assets/time-format.js";
import type { Store } from "../store/store.ts";
import { recordedIn } from "./audit-entry.ts";
import { invalidSetting, optionOf } from "./check-setting.ts";
import { EXIT, type Command, type CommandInput } from "./command.ts";
import { dataDirectory, openStoreIn } from "./data-directory.ts";
import { parseDuration } from "./duration.ts";
import { formatTable } from "./images/describe.ts";
import { readSettingsFile, type Setting } from "./settings-file.ts";
import { verbOf } from "./verbs.ts";

export const keys: Command = {
  name: "keys",
  summary: "list or rotate the keys that the server signs with",
  positionals: ["list|rotate"],
  options: {
    "valid-for": {
      type: "string",
      value: "TIME",
      help: "rotate: so long the key before stays valid, like 90m, 24h or 7d (24h); 0s where it was stolen",
    },
    data: { type: "string", value: "DIR", help: "the server's data directory (~/.local/share/boxkite)" },
    config: { type: "string", value: "FILE", help: "the server's settings file, for where its data is" },
    json: { type: "boolean", help: "one JSON object a line" },
  },
  run: async (input) => {
    const { verb } = verbOf(input, "keys", VERBS, "list");
    const directory = dataDirectory(input, await readSettingsFile(input));
    const store = await openStoreIn(directory);
    try {
      const ring = verb === "list" ? await findSigningKeys(store) : await rotated(directory, store, input);
      process.stdout.write(format(ring, input.values["json"] === true));
      return EXIT.ok;
    } finally {
      await store.close();
    }
  },
};

const VERBS = { list: ["json"], rotate: ["json", "valid-for"] } as const;

async function rotated(directory: string, store: Store, input: CommandInput): Promise<KeyRing> {
  const validFor = validForMs(optionOf(input, "valid-for"));
  const ring = await recordedIn(directory, "keys rotate", { kind: "server", key: "" }, () =>
    rotateSigningKeys(store, systemClock, validFor),
  );
  const { length: running } = await store.liveAttemptsBefore(systemClock.now());
  if (running > 0)
    process.stderr.write(`${attemptsText(running)} ${EFFECT[validFor === 0 ? "ended" : "kept"]}\n`);
  return ring;
}

/** Of a rotation on the attempts that run. */
const EFFECT = {
  kept: "The tokens and keys of running attempts stay valid until each ends, longer than --valid-for if need be.",
  ended: "Calls with their tokens and requests with their keys are refused within 5 seconds.",
};

function attemptsText(count: number): string {
  return count === 1 ? "1 task attempt is running." : `${count} task attempts are running.`;
}

const DEFAULT_VALID_FOR_MS = 24 * 3_600_000;

function validForMs(setting: Setting | undefined): number {
  if (setting === undefined) return DEFAULT_VALID_FOR_MS;
  const duration = parseDuration(setting.value);
  if (duration !== undefined) return duration;
  throw invalidSetting(setting, "a time like 90m, 24h or 7d; 0s ends all keys before at once");
}

/** Secrets are not shown. `attempts`: how many may still use it. */
function format(ring: KeyRing | undefined, json: boolean): string {
  const rows = (ring ?? []).map(({ id, createdAt, validUntil, attempts }) => ({
    id,
    createdAt,
    validUntil,
    ...(attempts && { attempts: attempts.size }),
  }));
  if (json) return rows.map((row) => `${JSON.stringify(row)}\n`).join("");
  return formatTable([
    ["KEY", "MADE", "VALID"],
    ...rows.map(({ id, createdAt, validUntil, attempts = 0 }) => [
      id,
      formatTime(createdAt),
      validUntil === undefined ? "signs now" : `until ${formatTime(validUntil)}${keptFor(attempts)}`,
    ]),
  ]);
}

function keptFor(attempts: number): string {
  return attempts === 0
    ? ""
    : `, and for ${attempts} running attempt${attempts === 1 ? "" : "s"} until the end`;
}
