/**
 * The page of a project in a package index, as JSON (PEP 691) or as HTML (PEP 503), which is all that many mirrors have:
 * https://packaging.python.org/en/latest/specifications/simple-repository-api/
 */

export const PAGE_TYPES = "application/vnd.pypi.simple.v1+json, text/html;q=0.1";

/** The address of a file. Undefined where the page does not list it; throws an Error where it cannot be read. */
export function findFile(page: string, contentType: string, pageUrl: string, file: string): URL | undefined {
  const links = contentType.includes("json") ? linksOfJson(page, file) : linksOfHtml(page, file);
  const [link] = links.filter((each) => URL.canParse(each, pageUrl));
  if (link === undefined) return undefined;
  const url = new URL(link, pageUrl);
  url.hash = "";
  return url;
}

function linksOfJson(page: string, file: string): string[] {
  const { files } = JSON.parse(page) as { files?: unknown };
  if (!Array.isArray(files)) throw new Error("it has no list of files");
  return (files as { filename?: unknown; url?: unknown }[])
    .filter((each) => each?.filename === file && typeof each.url === "string")
    .map(({ url }) => url as string);
}

const LINK = /<a\s[^>]*?href\s*=\s*["']([^"']+)["']/giu;

function linksOfHtml(page: string, file: string): string[] {
  return [...page.matchAll(LINK)]
    .map(([, href = ""]) => href.replaceAll("&amp;", "&"))
    .filter((href) => nameOf(href) === file);
}

function nameOf(href: string): string | undefined {
  const [path = ""] = href.split(/[?#]/u);
  try {
    return decodeURIComponent(path.slice(path.lastIndexOf("/") + 1));
  } catch {
    return undefined; // Not an encoding of anything: some other file's link.
  }
}
