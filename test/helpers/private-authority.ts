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

const KEY = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];

export async function makeAuthority(directory: string): Promise<PrivateAuthority> {
  await mkdir(directory, { recursive: true });
  const file = (name: string) => join(directory, name);
  const openssl = (...args: string[]) => promisify(execFile)("openssl", args);
  const extensions = file("extensions");
  await writeFile(extensions, "subjectAltName=DNS:localhost,IP:127.0.0.1\n");
  await openssl(
    ...["req", "-x509", ...KEY, "-subj", "/CN=Boxkite test authority", "-days", "2"],
    ...["-keyout", file("ca-key.pem"), "-out", file("ca.crt")],
  );
  await openssl(
    ...["req", ...KEY, "-subj", "/CN=localhost"],
    ...["-keyout", file("server-key.pem"), "-out", file("request.pem")],
  );
  await openssl(
    ...["x509", "-req", "-in", file("request.pem"), "-CA", file("ca.crt"), "-CAkey", file("ca-key.pem")],
    ...["-CAcreateserial", "-days", "2", "-extfile", extensions, "-out", file("server.pem")],
  );
  return { caFile: file("ca.crt"), certificate: file("server.pem"), key: file("server-key.pem") };
}
