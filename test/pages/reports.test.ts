/** A report in a real browser: it runs, and has nothing of the console that it comes from. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { startS3Server } from "../helpers/s3-server.ts";
import { launchBrowser, missingBrowser } from "./browser.ts";

const REPORT = `<!doctype html><title>before</title>
<button onclick="document.title = 'pressed'">Press</button>
<script>
  const attempts = [() => document.cookie, () => localStorage.length, () => fetch("/boxkite")];
  Promise.allSettled(attempts.map(async (attempt) => attempt())).then((results) => {
    const failed = results.filter(({ status }) => status === "rejected").length;
    document.title = window.origin + " " + failed;
  });
</script>`;

test("a report's scripts run, as of no origin", { skip: missingBrowser() ?? false }, async (t) => {
  const server = await startS3Server(t);
  await server.store.put("report.html", Buffer.from(REPORT), { contentType: "text/html" });
  const browser = await launchBrowser(t);
  const page = await browser.newPage();
  await page.goto(server.presign({ method: "GET", key: "report.html" }));
  await page.waitForFunction(`document.title !== "before"`);
  assert.equal(await page.title(), "null 3");
  await page.getByRole("button", { name: "Press" }).click();
  assert.equal(await page.title(), "pressed");
});
