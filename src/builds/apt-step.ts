/** The script of a layer of apt packages. */
import { shellWord } from "./quoting.ts";

export function aptScript(packages: readonly string[], certificates: boolean): string[] {
  const option = certificates ? ` -o Acquire::https::CAInfo="$SSL_CERT_FILE"` : "";
  return [
    "export DEBIAN_FRONTEND=noninteractive;",
    `apt-get update${option} &&`,
    `apt-get install${option} -y --no-install-recommends ${packages.map(shellWord).join(" ")} &&`,
    "rm -rf /var/lib/apt/lists/*",
  ];
}
