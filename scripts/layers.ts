/**
 * The folders of src from the bottom up: what each holds, and which others it may import. oxlint.config.ts
 * enforces it, and the table in ARCHITECTURE.md is made from it.
 */
export interface Layer {
  readonly what: string;
  readonly imports: readonly string[] | "all below";
}

export const LAYERS: Readonly<Record<string, Layer>> = {
  domain: {
    what: "names, records, phases, the pure `transition`, errors, what an attempt's end means, how two runs differ",
    imports: [],
  },
  lib: { what: "leaf helpers: clock, log, waiting, processes", imports: ["domain"] },
  sqlite: { what: "one file of SQLite: opening, migrations, writes that share commits", imports: ["domain"] },
  store: { what: "what is on disk; `sqlite/` is the one database so far", imports: ["domain", "sqlite"] },
  objects: {
    what: "blobs by key: `small/` ones are rows, others files in a `directory/`; and the S3 endpoint in front of them",
    imports: ["domain", "lib", "sqlite"],
  },
  audit: { what: "the audit log: its lines, its files, reading it", imports: ["domain", "lib"] },
  logs: { what: "the output of attempts", imports: ["domain", "lib"] },
  images: {
    what: "what an image is: references, specifications, registries, certificates; `check/`: whether it runs tasks",
    imports: ["domain", "lib"],
  },
  containers: {
    what: "the client of a container engine, REST and command line; what its failures mean",
    imports: ["domain", "lib", "images"],
  },
  "python-runtime": {
    what: "the `flyte` that is brought into images without it: locked, fetched, checked against an image",
    imports: ["domain", "lib", "images", "containers"],
  },
  "code-bundles": {
    what: "the code that is sent with runs, prepared so that no program of an image has to fetch or unpack it",
    imports: ["domain", "lib"],
  },
  builds: {
    what: "from an image specification to an image",
    imports: ["domain", "lib", "images", "containers"],
  },
  executors: {
    what: "where attempts run: `container/`, `process/`, in the server itself; `workers/`: containers that wait for attempts; how unmodified images run there",
    imports: ["domain", "lib", "images", "containers", "python-runtime", "code-bundles"],
  },
  platform: {
    what: "the composition for one machine: which engine, how containers reach the server, what is missing",
    imports: [
      "domain",
      "lib",
      "images",
      "containers",
      "python-runtime",
      "code-bundles",
      "builds",
      "executors",
    ],
  },
  orchestrator: {
    what: "accepts runs and actions and drives each to its end",
    imports: ["domain", "lib", "store", "objects", "logs", "executors"],
  },
  wire: {
    what: "generated messages (`gen/`), and messages ⇄ domain",
    imports: ["domain", "images"],
  },
  services: {
    what: "one file per service of the protocol",
    imports: [
      "domain",
      "lib",
      "store",
      "objects",
      "logs",
      "images",
      "builds",
      "executors",
      "orchestrator",
      "wire",
    ],
  },
  pages: {
    what: "the run page and the lists: plain HTML with one script, live by one stream; `document/`: a run as JSON",
    imports: ["domain", "lib", "store", "logs", "wire", "services"],
  },
  client: {
    what: "the TypeScript client: connection, configuration, storage",
    imports: ["domain", "lib", "wire"],
  },
  sdk: {
    what: "for TypeScript authors: `authoring/` is all that a task container loads, `start/` and `local/` start runs",
    imports: ["domain", "lib", "wire", "client"],
  },
  runtime: {
    what: "inside a TypeScript task's container",
    imports: ["domain", "lib", "wire", "client", "sdk"],
  },
  server: {
    what: "the listener, who may touch which object, start and stop order",
    imports: [
      "domain",
      "lib",
      "sqlite",
      "store",
      "objects",
      "audit",
      "logs",
      "images",
      "code-bundles",
      "builds",
      "executors",
      "platform",
      "orchestrator",
      "wire",
      "services",
      "pages",
    ],
  },
  cli: { what: "one file per command", imports: "all below" },
};
