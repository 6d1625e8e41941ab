/** The server's origin, and URLs of its pages. */

/** `dns:///host:port`, `host:port` or a URL → an origin. As in Python, only `insecure` decides the scheme. */
export function originOf(endpoint: string, insecure: boolean): string {
  const host = endpoint
    .replace(/^dns:\/\/\//, "")
    .replace(/^https?:\/\//, "")
    .replace(/\/.*$/, "");
  return `${insecure ? "http" : "https"}://${host}`;
}

/** The URL of a run's page, with an action selected if one is given. */
export function runUrl(
  origin: string,
  run: { readonly project: string; readonly domain: string; readonly name: string },
  action?: string,
): string {
  // Flyte's development server has its console on another port than its API.
  const console = origin.replace("localhost:8090", "localhost:8080");
  const query = action === undefined ? "" : `?i=${encodeURIComponent(action)}`;
  return `${console}/v2/domain/${run.domain}/project/${run.project}/runs/${run.name}${query}`;
}

/** The organisation that Flyte reads from a host name of three labels or more; otherwise none. */
export function orgOf(endpoint: string): string {
  const host = new URL(originOf(endpoint, false)).hostname;
  const labels = host.split(".");
  return labels.length > 2 && !/^[\d.]+$/.test(host) ? (labels[0] ?? "") : "";
}
