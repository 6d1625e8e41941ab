/**
 * `dist/`, what the package ships: the library and the runtime of tasks as modules with their types, the `boxkite` command
 * in few files, and what is read at run time.
 *
 *   node scripts/build.ts [DIRECTORY]
 */
import { spawnSync } from "node:child_process";
import { cpSync, globSync, mkdirSync, readFileSync, rmSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { build, type BuildOptions, type Plugin } from "esbuild";

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
  const options: BuildOptions = {
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
  };
  await build({ ...options, entryPoints: [SERVER], plugins: [ownDirectory] });
  await build({
    ...options,
    entryPoints: [join(sources, COMMAND, "main.ts")],
    plugins: [serverApart, ownDirectory],
  });
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

/** A source names files beside it by its own directory, which in the bundle is another. */
const ownDirectory: Plugin = {
  name: "own-directory",
  setup: ({ onLoad }) => {
    onLoad({ filter: /\/src\/.*\.ts$/ }, ({ path }) => {
      const place = JSON.stringify(relative(join(sources, COMMAND), dirname(path)) || ".");
      const contents = readFileSync(path, "utf8");
      return { contents: contents.replaceAll("join(import.meta.dirname", `$&, ${place}`), loader: "ts" };
    });
  },
};

await buildPackage(process.argv[2] ?? join(root, "dist"));
