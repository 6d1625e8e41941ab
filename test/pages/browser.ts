/** A real Chromium that talks to nobody but the page's own server. */
import { existsSync } from "node:fs";
import type { TestContext } from "node:test";
import { chromium, type Browser, type BrowserContextOptions, type Page } from "playwright-core";
import { until } from "../helpers/until.ts";

const EXECUTABLE = process.env["BOXKITE_TEST_CHROMIUM"] ?? "/usr/bin/chromium";
/** Of a site whose name leads to this machine. */
export const EVIL_NAME = "evil.test";
const ARGS = [
  `--host-resolver-rules=MAP ${EVIL_NAME} 127.0.0.1`,
  "--no-sandbox",
  "--disable-gpu",
  "--disable-dev-shm-usage",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
  "--no-first-run",
];

/** For what a page should show at once; the machine may be busy. */
const TIMEOUT_MS = 20_000;

/** Why there is no browser, or undefined. */
export function missingBrowser(): string | undefined {
  return existsSync(EXECUTABLE)
    ? undefined
    : `${EXECUTABLE} is not there (apt-get install chromium, or set BOXKITE_TEST_CHROMIUM)`;
}

export async function launchBrowser(t: TestContext): Promise<Browser> {
  const browser = await chromium.launch({ executablePath: EXECUTABLE, args: ARGS });
  t.after(() => browser.close());
  return browser;
}

export interface WatchedPage {
  readonly page: Page;
  /** Requests to anywhere else, dialogs, scripts that failed or were refused: all must stay away. */
  readonly faults: string[];
}

/** A page that notes whatever must not happen on it. */
export async function openPage(
  t: TestContext,
  browser: Browser,
  url: string,
  options: BrowserContextOptions = {},
): Promise<WatchedPage> {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, ...options });
  t.after(() => context.close());
  context.setDefaultTimeout(TIMEOUT_MS);
  const page = await context.newPage();
  const faults: string[] = [];
  const { origin } = new URL(url);
  page.on(
    "request",
    (request) => new URL(request.url()).origin === origin || faults.push(`request to ${request.url()}`),
  );
  page.on("pageerror", (error) => faults.push(`error ${error.message}`));
  page.on(
    "console",
    (message) => message.text().includes("Content Security Policy") && faults.push(message.text()),
  );
  // A container that gets or leaves a network is a change of the machine's network, for which Chromium gives up requests.
  let isCutOff = false;
  page.on("requestfailed", (request) => {
    isCutOff ||= request.failure()?.errorText === "net::ERR_NETWORK_CHANGED";
  });
  await until(async () => {
    isCutOff = false;
    await page.goto(url);
    return !isCutOff;
  });
  return { page, faults };
}
