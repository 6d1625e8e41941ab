/** How certificate authorities are passed to programs in containers of build steps and tasks. */

/** The path of the file with the authorities, inside the container. */
export const CA_FILE = "/run/boxkite/ca.crt";

/** The variables of tools that have their own: OpenSSL and uv, pip, requests, curl, node, git, cargo, AWS. */
export const CA_VARIABLES = [
  "SSL_CERT_FILE",
  "PIP_CERT",
  "REQUESTS_CA_BUNDLE",
  "CURL_CA_BUNDLE",
  "NODE_EXTRA_CA_CERTS",
  "GIT_SSL_CAINFO",
  "CARGO_HTTP_CAINFO",
  "AWS_CA_BUNDLE",
];
