/** A PostgreSQL of the machine's own packages, with a data directory of its own and its default settings. */
import { execFileSync } from "node:child_process";
import { chmodSync, chownSync, existsSync, readdirSync } from "node:fs";
import { delimiter, join } from "node:path";
import type { BenchContext } from "../helpers/measure.ts";
import { freePort, startPeerServer } from "./peer.ts";

const DEBIAN = "/usr/lib/postgresql";
/** What Debian's package makes: as root it does not start. */
const USER = "postgres";

async function start(context: BenchContext): Promise<{ readonly url: string }> {
  const bin = findPrograms() ?? "";
  const port = String(await freePort());
  const directory = await context.directory();
  const data = join(directory, "data");
  const who = otherUser();
  if (who !== undefined) {
    chmodSync(directory, 0o700);
    chownSync(directory, who.uid, who.gid);
  }
  const options = { cwd: directory, ...who };
  const initial = ["--pgdata", data, "--username", USER, "--auth", "trust", "--encoding", "UTF8"];
  execFileSync(join(bin, "initdb"), initial, { ...options, stdio: "ignore" });
  const settings = ["-k", directory, "-p", port, "-c", "listen_addresses=127.0.0.1"];
  const server = startPeerServer(context, join(bin, "postgres"), ["-D", data, ...settings], options);
  await server.ready(async () => {
    execFileSync(join(bin, "pg_isready"), ["-h", "127.0.0.1", "-p", port], { stdio: "ignore" });
  });
  return { url: `postgresql://${USER}@127.0.0.1:${port}/bench` };
}

export const startPostgres = Object.assign(start, {
  missing: () =>
    findPrograms() === undefined ? "there is no PostgreSQL: apt-get install postgresql" : undefined,
});

/** The folder with `postgres` and `initdb`, whose newest version Debian keeps off the PATH. */
function findPrograms(): string | undefined {
  const versions = existsSync(DEBIAN) ? readdirSync(DEBIAN).toSorted((a, b) => Number(b) - Number(a)) : [];
  const folders = versions.map((version) => join(DEBIAN, version, "bin"));
  folders.push(...(process.env["PATH"] ?? "").split(delimiter));
  return folders.find((folder) => existsSync(join(folder, "postgres")) && existsSync(join(folder, "initdb")));
}

function otherUser(): { readonly uid: number; readonly gid: number } | undefined {
  if (process.getuid?.() !== 0) return undefined;
  const id = (option: string) => Number(execFileSync("id", [option, USER], { encoding: "utf8" }));
  return { uid: id("-u"), gid: id("-g") };
}
