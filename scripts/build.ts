/**
 * `dist/`, what the package ships: the library and the runtime of tasks as modules with their types, the `boxkite` command
 * in few files, and what is read at run time.
 *
 *   node scripts/build.ts [DIRECTORY]
 *
 * Replaces what DIRECTORY has, which must be an earlier build or nothing.
 */
import { spawnSync } from "node:child_process";
import { cpSync, existsSync, globSync, mkdirSync, readFileSync, rmSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { build, type BuildOptions, type Metafile, type Plugin } from "esbuild";

const root = join(import.meta.dirname, "..");
const sources = join(root, "src");
/** Of the folders of `dist` and of `src`: the one with the files of the command, and with its sources. */
const COMMAND = "cli";
const SERVER = join(sources, COMMAND, "up.ts");

/** Of most of the modules that the server loads at its start; NOTICE has what their licences ask for. */
const BUNDLED = ["@bufbuild/protobuf", "@connectrpc/connect", "@connectrpc/connect-node"];

async function buildPackage(dist: string): Promise<void> {
  rmSync(dist, { recursive: true, force: true });
  compile(dist);
  for (const file of globSync("**/*.{js,d.ts,sql,css,svg,html,json,py}", { cwd: sources })) {
    const target = join(dist, file);
    mkdirSync(dirname(target), { recursive: true });
    cpSync(join(sources, file), target);
  }
  await bundle(join(dist, COMMAND));
}

/** The library: users' programs load it, and their types name its files. */
function compile(dist: string): void {
  const args = ["-p", "tsconfig.build.json", "--outDir", dist];
  const { status } = spawnSync(join(root, "node_modules/.bin/tsc"), args, { cwd: root, stdio: "inherit" });
  if (status !== 0) throw new Error("tsc failed");
}

/** The command: its modules took most of the server's start when each was a file. */
async function bundle(outdir: string): Promise<void> {
  const { dependencies } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as {
    dependencies: Readonly<Record<string, string>>;
  };
  const options = {
    absWorkingDir: root,
    outdir,
    bundle: true,
    // What is used rarely is loaded when it is.
    splitting: true,
    chunkNames: "[name]-[hash]",
    format: "esm",
    platform: "node",
    target: "node24",
    external: Object.keys(dependencies).filter((name) => !BUNDLED.includes(name)),
    // Its files are as readable as what the compiler makes; maps would be most of the package.
    sourcemap: false,
    logLevel: "warning",
    metafile: true,
  } satisfies BuildOptions;
  const main = join(sources, COMMAND, "main.ts");
  const server = await build({ ...options, entryPoints: [SERVER], plugins: [ownDirectory] });
  const others = await build({ ...options, entryPoints: [main], plugins: [serverApart, ownDirectory] });
  for (const { metafile } of [server, others]) requireNotice(metafile);
}

/** Throws where the files have code of a package that NOTICE does not name. */
function requireNotice({ inputs }: Metafile): void {
  const named = new Set(readFileSync(join(root, "NOTICE"), "utf8").split(/[\s,:]+/u));
  const packages = Object.keys(inputs).map((file) => /.*node_modules\/((?:@[^/]+\/)?[^/]+)/u.exec(file)?.[1]);
  const unnamed = new Set(packages.filter((name) => name !== undefined && !named.has(name)));
  if (unnamed.size > 0) throw new Error(`NOTICE does not name ${[...unnamed].join(", ")}, which is bundled`);
}

/** By itself: of what it shares with other commands each combination would be a file. */
const serverApart: Plugin = {
  name: "server-apart",
  setup: ({ onResolve }) => {
    onResolve({ filter: /\/up\.ts$/ }, ({ path, resolveDir }) =>
      join(resolveDir, path) === SERVER ? { path: "./up.js", external: true } : undefined,
    );
  },
};

/**
 * A source names files beside it by its own directory, which in the bundle is another. Throws where a source asks for its place
 * in a way that is not corrected: the file would be missing in the package only.
 */
const ownDirectory: Plugin = {
  name: "own-directory",
  setup: ({ onLoad }) => {
    onLoad({ filter: /\/src\/.*\.ts$/ }, ({ path }) => {
      const place = JSON.stringify(relative(join(sources, COMMAND), dirname(path)) || ".");
      const contents = readFileSync(path, "utf8");
      const rest = contents.replaceAll(CORRECTED, "").replaceAll(SAME_IN_BUNDLE, "");
      if (rest.includes("import.meta.")) throw new Error(`${path}: write ${CORRECTED}, …) instead`);
      return { contents: contents.replaceAll(CORRECTED, `$&, ${place}`), loader: "ts" };
    });
  },
};

const CORRECTED = "join(import.meta.dirname";
const SAME_IN_BUNDLE = "extname(import.meta.filename)";

const DEFAULT = join(root, "dist");
const directory = resolve(process.argv[2] ?? DEFAULT);
if (directory !== DEFAULT && existsSync(directory) && !existsSync(join(directory, COMMAND, "main.js")))
  throw new Error(`${directory} is no earlier build; name a directory that does not exist`);
await buildPackage(directory);
