/**
 * Writes the parts of the documentation that follow from the code, between markers in their files.
 *
 *   node scripts/gen-docs.ts           rewrite them
 *   node scripts/gen-docs.ts --check   fail if one is not what would be written
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { createRouterTransport } from "@connectrpc/connect";
import type { ConnectRouter } from "@connectrpc/connect";
import { EXIT_CODES } from "../src/domain/outcome/exit-codes.ts";
import { SIGNALS } from "../src/domain/outcome/signals.ts";
import { chartOf } from "../src/domain/transition-table.ts";
import { includes, leastRole, ROLES } from "../src/domain/roles.ts";
import type { ServiceContext } from "../src/services/context.ts";
import { SERVICES } from "../src/services/every-service.ts";
import { registerServices } from "../src/services/routes.ts";
import { auditedAs, RPC_RIGHTS } from "../src/services/rpc-rights.ts";
import { SUPPORT, type Support } from "../src/wire/support-table.ts";
import { performancePage, PICTURES } from "../bench/report/page.ts";
import { matrixTable } from "../test/images/matrix/table.ts";
import { LAYERS } from "./layers.ts";

const root = join(import.meta.dirname, "..");

/** Services of Flyte's own parts: no client calls them, and Boxkite has no such part. */
const REFUSED: Readonly<Record<string, string>> = {
  "flyteidl2.workflow.QueueService": "containers are told to use ActionsService",
  "flyteidl2.workflow.StateService": "containers are told to use ActionsService",
  "flyteidl2.workflow.InternalRunService": "internal to Flyte's backend",
  "flyteidl2.workflow.EventsProxyService": "internal to Flyte's backend",
  "flyteidl2.cacheservice.CacheService": "internal to Flyte's backend",
  "flyteidl2.cacheservice.v2.CacheService": "internal to Flyte's backend",
  "flyteidl2.connector.AsyncConnectorService": "served by connectors, not by a control plane",
  "flyteidl2.connector.ConnectorMetadataService": "served by connectors, not by a control plane",
};

function rpcTable(): string {
  const supported = supportedMethods();
  const rows = SERVICES.flatMap((service) =>
    service.methods.map((method) => {
      const refused = REFUSED[service.typeName];
      const name = `${service.typeName}/${method.name}`;
      const state = supported.has(name)
        ? "supported"
        : refused === undefined
          ? "not yet"
          : `refused: ${refused}`;
      return `| \`${name}\` | ${state} |`;
    }),
  );
  return ["| RPC | |", "| --- | --- |", ...rows].join("\n");
}

/** What the services register, seen by registering them. */
function supportedMethods(): Set<string> {
  const names = new Set<string>();
  // The context is only used when a method is called, which none is here.
  const context = {} as ServiceContext;
  createRouterTransport((router) => {
    const recorder: ConnectRouter = {
      ...router,
      service: (service, implementation) => {
        for (const [name, method] of Object.entries(service.method)) {
          if (name in implementation) names.add(`${service.typeName}/${method.name}`);
        }
        return recorder;
      },
    };
    registerServices(recorder, context);
  });
  return names;
}

function fieldTables(): string {
  return Object.entries(SUPPORT)
    .map(([message, fields]) => {
      const rows = Object.entries(fields).map(
        ([field, support]) => `| \`${field}\` | ${describe(support)} |`,
      );
      return [`### ${message}`, "", "| field | |", "| --- | --- |", ...rows].join("\n");
    })
    .join("\n\n");
}

function describe(support: Support): string {
  if (typeof support === "string")
    return {
      enforced: "enforced",
      kept: "kept as it came",
      inside: "see its own table",
      decoded: "see its own table",
    }[support];
  if ("only" in support)
    return `only ${support.only.map((value) => `\`${String(value)}\``).join(", ")}: otherwise it ${support.refuse("…").why}`;
  return `refused: it ${support.why}`;
}

function folderTable(): string {
  const rows = Object.entries(LAYERS).map(([folder, { what, imports }]) => {
    const allowed = imports === "all below" ? imports : imports.join(", ") || "nothing";
    return `| \`src/${folder}\` | ${what} | ${allowed} |`;
  });
  return ["| folder | what it is | may import |", "| --- | --- | --- |", ...rows].join("\n");
}

/** A cell of a table ends at a bar, also inside of code. */
function rowOf(cells: readonly string[]): string {
  return `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`;
}

function exitCodeTable(): string {
  const rows = EXIT_CODES.map(({ codes: [from, to], code, means, cause, cure }) => {
    const label = from === to ? String(from) : `${from}–${to}`;
    return rowOf([label, `\`${code}\``, means, cause, cure]);
  });
  return [
    "| exit code | error | meaning | usual cause | cure |",
    "| --- | --- | --- | --- | --- |",
    ...rows,
  ].join("\n");
}

function signalTable(): string {
  const rows = SIGNALS.map(({ number, name, means, cause, inContainer, cure, process: own, typescript }) => {
    const causes = [cause, inContainer].filter((text) => text !== undefined).join("; ");
    const cures = [
      cure,
      ...(own === undefined ? [] : [`with \`--engine process\`: ${own}`]),
      ...(typescript === undefined ? [] : [`TypeScript: ${typescript}`]),
    ].join(". ");
    return rowOf([String(128 + number), `${name} (${number})`, means, causes, cures]);
  });
  return [
    "| exit code | signal | meaning | usual cause | cure |",
    "| --- | --- | --- | --- | --- |",
    ...rows,
  ].join("\n");
}

function roleTable(): string {
  const rows = Object.entries(RPC_RIGHTS).map(([rpc, asked]) => {
    const may = ROLES.map((role) =>
      asked === "anyone" || includes(role, leastRole(asked[0], asked[1])) ? "yes" : "–",
    );
    const what = asked === "anyone" ? "nothing: before signing in, too" : `${asked[0]} ${asked[1]}`;
    const audited = auditedAs(asked) === undefined ? "denied calls" : "every call";
    return rowOf([`\`${rpc}\``, what, ...may, audited]);
  });
  const head = ["RPC", "asks for", ...ROLES, "in the audit log"];
  return [rowOf(head), `|${" --- |".repeat(head.length)}`, ...rows].join("\n");
}

const performance = performancePage();

const PARTS: readonly { readonly file: string; readonly name: string; readonly text: () => string }[] = [
  { file: "ARCHITECTURE.md", name: "folders", text: folderTable },
  { file: "ARCHITECTURE.md", name: "phases", text: () => `\`\`\`mermaid\n${chartOf()}\n\`\`\`` },
  { file: "docs/exit-codes.md", name: "exit-codes", text: exitCodeTable },
  { file: "docs/exit-codes.md", name: "signals", text: signalTable },
  { file: "docs/image-matrix.md", name: "image-matrix", text: matrixTable },
  { file: "docs/performance.md", name: "results", text: () => performance.text },
  { file: "docs/protocol.md", name: "rpcs", text: rpcTable },
  { file: "docs/roles.md", name: "role-rpcs", text: roleTable },
  { file: "docs/protocol.md", name: "fields", text: fieldTables },
];

const check = process.argv.includes("--check");
let stale = 0;
for (const part of PARTS) {
  const path = join(root, part.file);
  const before = readFileSync(path, "utf8");
  const begin = `<!-- begin ${part.name} -->`;
  const end = `<!-- end ${part.name} -->`;
  const from = before.indexOf(begin);
  const to = before.indexOf(end);
  if (from < 0 || to < from) throw new Error(`${part.file} has no markers for ${part.name}`);
  const after = `${before.slice(0, from + begin.length)}\n\n${part.text()}\n\n${before.slice(to)}`;
  if (after === before) continue;
  stale++;
  if (check)
    console.error(
      `${relative(root, path)}: the part ${part.name} is not what the code says; run: npm run gen:docs`,
    );
  else writeFileSync(path, after);
}

const pictures = join(root, "docs", PICTURES);
const found = existsSync(pictures) ? readdirSync(pictures).map((file) => `${PICTURES}/${file}`) : [];
for (const file of new Set([...found, ...performance.pictures.keys()])) {
  const path = join(root, "docs", file);
  const picture = performance.pictures.get(file);
  if (picture === (existsSync(path) ? readFileSync(path, "utf8") : undefined)) continue;
  stale++;
  if (check) console.error(`docs/${file} is not what the results say; run: npm run gen:docs`);
  else if (picture === undefined) rmSync(path);
  else {
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, picture);
  }
}
if (check && stale > 0) process.exit(1);
