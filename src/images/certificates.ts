/** How programs in a container, of a build step or of a task, are told of certificate authorities. */

/** Where the file with the authorities is for them. */
export const CA_FILE = "/run/boxkite/ca.crt";

/** One list for every tool that reads its own: OpenSSL and uv, pip, requests, curl, node, git, cargo, AWS. */
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
