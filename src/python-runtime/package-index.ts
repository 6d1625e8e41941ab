/** Which index of Python packages the environment configures, by the variables of pip and uv. */
import { BoxkiteError } from "../domain/errors.ts";

export interface PackageIndex {
  /** Ends with a slash, and has no credentials. */
  readonly url: string;
  /** The header `authorization`, for this origin only. */
  readonly authorization?: string | undefined;
  /** A file of certificate authorities that are trusted as well. */
  readonly caFile?: string | undefined;
}

const DEFAULT_URL = "https://pypi.org/simple/";
/** The first one that is set counts. */
const INDEX_VARIABLES = ["UV_DEFAULT_INDEX", "UV_INDEX_URL", "PIP_INDEX_URL"];
/** NODE_EXTRA_CA_CERTS is applied by Node itself. */
const CA_VARIABLES = ["PIP_CERT", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"];

/** Throws CONFIG_INVALID naming the variable. */
export function packageIndex(env: NodeJS.ProcessEnv): PackageIndex {
  const variable = INDEX_VARIABLES.find((name) => env[name]);
  // uv lets an index have a name, as in `company=https://…`.
  const value =
    variable === undefined ? DEFAULT_URL : (env[variable] ?? "").replace(/^[\w-]+=(?=https?:)/u, "");
  if (!URL.canParse(value) || !/^https?:$/u.test(new URL(value).protocol)) {
    throw new BoxkiteError("CONFIG_INVALID", `${variable} is not the address of a package index`, {
      hint: `set it to an address such as ${DEFAULT_URL}`,
    });
  }
  const url = new URL(value);
  const { username, password } = url;
  url.username = url.password = "";
  if (!url.pathname.endsWith("/")) url.pathname += "/";
  const login = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
  const caVariable = CA_VARIABLES.find((name) => env[name]);
  return {
    url: url.href,
    authorization: login === ":" ? undefined : `Basic ${Buffer.from(login).toString("base64")}`,
    caFile: caVariable && env[caVariable],
  };
}
