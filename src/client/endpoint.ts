/** The server's origin, and URLs of its pages. */

/**
 * `dns:///host:port`, `host:port` or a URL → where calls go to: an origin, and a path where the endpoint has one, which
 * may hold a token. As in Python, only `insecure` decides the scheme.
 */
export function baseUrlOf(endpoint: string, insecure: boolean): string {
  const host = endpoint
    .replace(/^dns:\/\/\//, "")
    .replace(/^https?:\/\//, "")
    .replace(/\/+$/, "");
  return `${insecure ? "http" : "https"}://${host}`;
}

/** The URL of a run's page, with an action selected if one is given. */
export function runUrl(
  origin: string,
  run: { readonly project: string; readonly domain: string; readonly name: string },
  action?: string,
): string {
  const query = action === undefined ? "" : `?i=${encodeURIComponent(action)}`;
  return `${projectUrl(origin, run)}/runs/${run.name}${query}`;
}

/** The URL of a deployed task's page. */
export function taskUrl(
  origin: string,
  task: { readonly project: string; readonly domain: string; readonly name: string },
): string {
  return `${projectUrl(origin, task)}/tasks/${task.name}`;
}

function projectUrl(
  origin: string,
  { project, domain }: { readonly project: string; readonly domain: string },
): string {
  // Flyte's development server has its console on another port than its API.
  const console = origin.replace("localhost:8090", "localhost:8080");
  return `${console}/v2/domain/${domain}/project/${project}`;
}
