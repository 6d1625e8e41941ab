/** A certificate authority that nobody knows, and a server's certificate that it signed. */
import { execFile } from "node:child_process";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";

export interface PrivateAuthority {
  /** PEM files. Engines take a folder of *.crt for one of authorities; nothing else there may be called so. */
  readonly caFile: string;
  readonly certificate: string;
  readonly key: string;
}

const NEW_KEY = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes";
const COMMANDS = [
  `req -x509 ${NEW_KEY} -keyout ca-key.pem -out ca.crt -subj /CN=boxkite-test-authority -days 2`,
  `req ${NEW_KEY} -keyout server-key.pem -out request.pem -subj /CN=localhost`,
  "x509 -req -in request.pem -CA ca.crt -CAkey ca-key.pem -CAcreateserial -days 2 -extfile names -out server.pem",
];

/** For `localhost` and 127.0.0.1. */
export async function makeAuthority(directory: string): Promise<PrivateAuthority> {
  await mkdir(directory, { recursive: true });
  await writeFile(join(directory, "names"), "subjectAltName=DNS:localhost,IP:127.0.0.1\n");
  for (const command of COMMANDS)
    await promisify(execFile)("openssl", command.split(" "), { cwd: directory });
  return {
    caFile: join(directory, "ca.crt"),
    certificate: join(directory, "server.pem"),
    key: join(directory, "server-key.pem"),
  };
}
