/** What the steps of a build get from this machine: its certificate authorities and its proxies. */

export interface BuildEnvironment {
  /** A file of certificate authorities that the steps of a build trust as well. */
  readonly certificates?: string | undefined;
  /** HTTP_PROXY and the other proxy variables, for the steps of a build. */
  readonly proxy?: Readonly<Record<string, string>>;
}

const PROXY_NAMES = ["HTTP_PROXY", "HTTPS_PROXY", "FTP_PROXY", "NO_PROXY", "ALL_PROXY"];

/** The file of certificate authorities that the environment configures, if any. */
export function hostCertificates(env: NodeJS.ProcessEnv = process.env): string | undefined {
  return (
    env["SSL_CERT_FILE"] ||
    env["REQUESTS_CA_BUNDLE"] ||
    env["CURL_CA_BUNDLE"] ||
    env["NODE_EXTRA_CA_CERTS"] ||
    undefined
  );
}

export function hostProxy(env: NodeJS.ProcessEnv = process.env): Record<string, string> {
  const names = PROXY_NAMES.flatMap((name) => [name, name.toLowerCase()]);
  return Object.fromEntries(names.flatMap((name) => (env[name] ? [[name, env[name]]] : [])));
}

/** The environment of a builder: its proxies are those configured for builds, not the server's own. */
export function builderEnv(
  env: NodeJS.ProcessEnv,
  proxy: Readonly<Record<string, string>> = {},
): NodeJS.ProcessEnv {
  const own = Object.entries(env).filter(([name]) => !PROXY_NAMES.includes(name.toUpperCase()));
  return { ...Object.fromEntries(own), ...proxy };
}
