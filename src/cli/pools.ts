/** `boxkite pools`: what a server keeps warm. */
import { getJson } from "../client/server-json.ts";
import { describeMode } from "../domain/describe-warm-start.ts";
import { BoxkiteError } from "../domain/errors.ts";
import { scopeText, workersText } from "../domain/describe-pool.ts";
import type { PoolState } from "../domain/pool-state.ts";
import { POOLS_DOCUMENT_PATH } from "../pages/paths.ts";
import { bytesText } from "../pages/parts.ts";
import { POOLS_VERSION, type PoolsDocument } from "../services/visible-pools.ts";
import { EXIT, type Command, type CommandInput } from "./command.ts";
import { formatTable } from "./images/describe.ts";
import { CLIENT_OPTIONS, findServer } from "./runs/connect.ts";
import { plain, timeText } from "./runs/text.ts";

export const pools: Command = {
  name: "pools",
  summary: "list the workers that wait for attempts, by pool",
  options: {
    config: CLIENT_OPTIONS.config,
    json: { type: "boolean", help: "the server's document of them, as one JSON object" },
  },
  run,
};

async function run(input: CommandInput): Promise<number> {
  const { connection } = await findServer(input);
  const document = (await getJson(connection, POOLS_DOCUMENT_PATH)) as PoolsDocument;
  if (document.version !== POOLS_VERSION)
    throw new BoxkiteError(
      "CONFIG_INVALID",
      `the server sends its pools in version ${document.version}, and this program reads version ${POOLS_VERSION}`,
      { hint: "use the boxkite of the server's version" },
    );
  process.stdout.write(input.values["json"] === true ? `${JSON.stringify(document)}\n` : poolsText(document));
  return EXIT.ok;
}

export function poolsText({ keepsWorkers, pools: all }: PoolsDocument): string {
  if (!keepsWorkers)
    return "this server keeps no workers: start it with a container engine and --warm-starts one-shot or fork, without --strict-images\n";
  if (all.length === 0) return "no pools yet: they are made for what runs\n";
  const head = ["POOL", "MODE", "IMAGE", "OF", "WORKERS", "MEMORY", "HITS", "MISSES", "LAST USED"];
  const problems = all.flatMap(({ pool, problem }) =>
    problem === undefined ? [] : [`${pool} could not make a worker: ${plain(problem)}\n`],
  );
  return formatTable([head, ...all.map(rowOf)]) + problems.join("");
}

function rowOf(pool: PoolState): string[] {
  return [
    pool.pool,
    describeMode(pool.mode),
    plain(pool.image),
    scopeText(pool),
    workersText(pool),
    bytesText(pool.memoryBytes),
    String(pool.hits),
    String(pool.misses),
    timeText(pool.lastUsedAt) ?? "never",
  ];
}
