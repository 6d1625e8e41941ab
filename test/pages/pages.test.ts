/** The run page in a real browser, against a real server that runs tasks as processes. */
import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { AxeBuilder } from "@axe-core/playwright";
import type { Locator, Page } from "playwright-core";
import { processSubject, usePython } from "../helpers/process-subject.ts";
import { startServer, temporaryDirectory } from "../helpers/server.ts";
import { stockPython } from "../helpers/stock-sdk.ts";
import { until } from "../helpers/until.ts";
import { seedBigRun } from "./big-run.ts";
import { launchBrowser, missingBrowser, openPage } from "./browser.ts";

const HOSTILE = "</pre><img src=x onerror='window.hacked=1'><script>window.hacked=1</script>";
const FLOW = `
import asyncio, os, sys
import flyte

env = flyte.TaskEnvironment(name="shop")
HOSTILE = ${JSON.stringify(HOSTILE)}

@env.task
async def child(text: str) -> str:
    print("stdout " + text)
    print("stderr " + text, file=sys.stderr)
    return text

@env.task
async def main(text: str, counts: dict[str, list[int]]) -> tuple[str, float]:
    with flyte.group("<i>group</i>"):
        return await child(text), 2.0

@env.task
async def breaks(x: int) -> int:
    os._exit(3)

@env.task(retries=1)
async def leaf(data: str, x: int) -> int:
    if x == 3:
        raise ValueError(f"{x} is one too many" + HOSTILE + chr(10) + "and more")
    return x

@env.task
async def fans(n: int) -> list[int]:
    data = "s3://bucket/" + "long/" * 20
    return list(await asyncio.gather(*[leaf(data, x) for x in range(n)]))

@env.task
async def prints(count: int) -> int:
    for i in range(count):
        print(f"line {i}")
    return count

@env.task
async def ticks(count: int, gate: str = "") -> str:
    for i in range(count):
        print(f"tick {i}", flush=True)
        await asyncio.sleep(0.05)
        while i == 9 and gate and not os.path.exists(gate):
            await asyncio.sleep(0.05)
    return "all ticked"
`;

test("pages", { skip: missingBrowser() ?? false }, async (t) => {
  usePython(stockPython());
  const data = await temporaryDirectory(t);
  await seedBigRun(data, "big", 5_000);
  const args = ["--data", data];
  const { server, run } = await processSubject(t, FLOW, args);
  const { url: origin } = server.ready;
  const runs = `${origin}/v2/domain/development/project/flytesnacks/runs`;
  const browser = await launchBrowser(t);
  const [fine, broken] = await Promise.all([
    run("main", { text: HOSTILE, counts: { a: [1, 2] } }, { name: "fine", labels: { team: HOSTILE } }),
    run("breaks", { x: 1 }, { name: "broken" }),
  ]);

  await t.test("a run that succeeded: its tree, values, attempts, and hostile text as text", async (t) => {
    const { page, faults } = await openPage(t, browser, fine.url);
    await connection(page, "ended");
    assert.deepEqual(await rowLabels(page), ["main", "<i>group</i>", "child"]);
    assert.match(await text(page, "#run"), /fine.*succeeded.*shop\.main/su);
    assert.match(await text(page, "#values"), /counts.*a.*0?1.*2.*Outputs.*2\.0/su);
    assert.ok((await text(page, "#values")).includes(HOSTILE));
    assert.match(
      await text(page, "#attempts"),
      /Attempt 1.*Exit code.*0.*initializing.*running.*succeeded/su,
    );
    assert.match(await text(page, "#image"), /Reference.*flyte.*Found in.*host/su);
    assert.ok((await text(page, "#settings")).includes(HOSTILE));

    await page.getByRole("treeitem", { name: "child" }).click();
    await page.waitForURL(/\?i=/u);
    await page.locator(".line.stdout").first().waitFor();
    assert.equal(await text(page, ".line.stdout .content"), `stdout ${HOSTILE}`);
    assert.ok((await page.locator(".line.stderr .content").allTextContents()).includes(`stderr ${HOSTILE}`));
    await page.getByLabel("stdout").uncheck();
    assert.equal(await page.locator(".line.stdout").first().isVisible(), false);
    await noViolations(page);
    assert.equal(await page.evaluate(() => "hacked" in globalThis), false);
    assert.deepEqual(faults, []);
  });

  await t.test("a run that failed: whose fault it is and what to do", async (t) => {
    const { page, faults } = await openPage(t, browser, broken.url, { colorScheme: "dark" });
    await connection(page, "ended");
    const reason = page.locator("#reason");
    assert.ok(await reason.isVisible());
    assert.match(
      await text(page, "#reason"),
      /Failed.*ExitCode.*blamed on the task.*ended the process with code 3.*result\s.*What to do.*raise an exception/su,
    );
    await noViolations(page);
    assert.deepEqual(faults, []);
  });

  await t.test(
    "a parent that failed leads to the child that did; rows show the inputs by which they differ",
    async (t) => {
      const { url } = await run("fans", { n: 4 }, { name: "fanned" });
      const { page, faults } = await openPage(t, browser, url);
      await connection(page, "ended");
      const cause =
        /Failed:\s+leaf\(x=3, data="s3:.*\).*ValueError.*3 is one too many<.*In fans\(n=4\).*Attempt 2 of 2/su;
      assert.match(await text(page, "#first"), cause);
      const inputs = page.locator("[role=treeitem] .inputs");
      await until(async () =>
        (await inputs.allTextContents()).every((each, row) => each.startsWith(row === 0 ? "(n=4)" : "(x=")),
      );
      const failed = page.getByRole("treeitem", { name: /failed.*leaf.*\(x=3, data=.*2 attempts/u });
      assert.equal(await failed.count(), 1);
      await noViolations(page);
      await page.locator("#first").getByRole("link", { name: "leaf(x=3" }).click();
      await chosen(page, "leaf");
      assert.match(await text(page, "#attempts"), /Attempt 2.*Attempt 1/su);
      await page.getByLabel("Find an action").fill("x=3");
      await rowCount(page, 2);
      assert.deepEqual(faults, []);

      const plain = await openPage(t, browser, url, { javaScriptEnabled: false });
      assert.match(await text(plain.page, "#first"), cause);
      const rows = plain.page.locator(".children tbody tr");
      assert.equal(await rows.count(), 4);
      assert.match((await rows.first().textContent()) ?? "", /leaf\(x=3.*2 attempts.*failed/su);
      await rows.first().getByRole("link").click();
      assert.match(await text(plain.page, "#summary"), /leaf.*failed/su);
      assert.match(await text(plain.page, ".without-script"), /leaf has no children/u);
    },
  );

  await t.test("320 px: nothing is cut off sideways", async (t) => {
    for (const url of [fine.url, broken.url, runs, `${origin}/v2`, `${runs}/no-such-run`]) {
      const { page } = await openPage(t, browser, url, { viewport: { width: 320, height: 640 } });
      if (url === fine.url) await connection(page, "ended");
      assert.equal(
        await page.locator("html").evaluate((html: { scrollWidth: number }) => html.scrollWidth),
        320,
        url,
      );
      if (url === runs) await noViolations(page);
    }
  });

  await t.test("5,000 actions: few rows in the document, found by phase, name and key", async (t) => {
    const { page, faults } = await openPage(t, browser, `${runs}/big?i=step4999`);
    await connection(page, "ended");
    assert.equal(await text(page, "#action-count"), "5,001");
    assert.ok((await page.getByRole("treeitem").count()) < 60);
    assert.match(await text(page, "[role=treeitem][aria-selected=true]"), /step4999/u);
    assert.match(await text(page, "#reason"), /Broken.*it broke/su);
    await page.getByRole("button", { name: "failed 1" }).click();
    await rowCount(page, 2);
    await page.getByRole("button", { name: "failed 1" }).click();
    await page.getByLabel("Find an action").fill("step12");
    await page.getByRole("treeitem", { name: "step12", exact: false }).first().waitFor();
    assert.ok(
      (await rowLabels(page)).slice(1).every((label) => label === "mapped" || label.startsWith("step12")),
    );
    assert.deepEqual(faults, []);
  });

  await t.test("the tree by keyboard", async (t) => {
    const { page } = await openPage(t, browser, fine.url);
    await connection(page, "ended");
    const tree = page.getByRole("tree");
    await tree.focus();
    await tree.press("ArrowDown");
    await tree.press("ArrowLeft");
    await rowCount(page, 2);
    await tree.press("ArrowRight");
    await rowCount(page, 3);
    await tree.press("End");
    await tree.press("Enter");
    await chosen(page, "child");
    assert.match(await text(page, "[role=treeitem][aria-selected=true]"), /child/u);
    await page.goBack();
    await chosen(page, "main");
  });

  await t.test("lists: all runs, one project's, by phase; and what is not there", async (t) => {
    const { page } = await openPage(t, browser, `${origin}/v2/`);
    await page.getByRole("link", { name: "failed" }).click();
    assert.deepEqual(await page.locator("tbody th").allTextContents(), ["fanned", "broken"]);
    const listed = await timesOf(
      page.getByRole("row", { name: "broken" }).locator("td[data-label]"),
      "data-label",
    );
    await page.getByRole("link", { name: "broken" }).click();
    assert.equal(page.url(), broken.url);
    const shown = await timesOf(page.locator("#summary dd"));
    for (const name of ["Created", "Started", "Duration"]) assert.equal(listed[name], shown[name], name);
    assert.match(shown["Started"] ?? "", /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d (?:UTC|[+-]\d\d:\d\d)$/u);
    await page.getByRole("link", { name: "flytesnacks / development" }).click();
    assert.equal(page.url(), runs);
    const missing = await page.goto(`${runs}/no-such-run`);
    assert.equal(missing?.status(), 404);
    assert.match(await text(page, "main"), /There is no such run/u);
    for (const [path, status] of [
      ["/v2/nothing", 404],
      ["/v2/domain/development/project/none/runs", 404],
      ["/v2/domain/%ff/project/x/runs", 404],
    ] as const) {
      assert.equal((await fetch(`${origin}${path}`)).status, status, path);
    }
  });

  await t.test("a long log: its end is shown, and the page says where the whole of it is", async (t) => {
    const { page, faults } = await openPage(t, browser, (await run("prints", { count: 5_000 })).url);
    await connection(page, "ended");
    await page.locator("#log-note", { hasText: /^The last [\d,]+ lines$/u }).waitFor();
    assert.ok((await page.locator(".line").count()) <= 3_000);
    const whole = await page.getByRole("link", { name: "Whole log as text" }).getAttribute("href");
    const text = await (await fetch(new URL(whole ?? "", origin))).text();
    assert.equal(text.match(/ stdout line \d+$/gmu)?.length, 5_000);
    assert.deepEqual(faults, []);
  });

  await t.test("abort: by its button, and by no other page", async (t) => {
    const url = `${runs}/stopped`;
    const client = run("ticks", { count: 10_000 }, { name: "stopped" });
    await until(async () => (await fetch(url)).ok);
    const foreign = await fetch(`${url}/abort?i=a0`, {
      method: "POST",
      headers: { origin: "http://example.org" },
    });
    assert.equal(foreign.status, 403);
    assert.equal((await fetch(`${url}/abort?i=a0`, { method: "POST" })).status, 403);
    const { page } = await openPage(t, browser, url);
    page.once("dialog", (dialog) => void dialog.accept());
    await page.getByRole("button", { name: "Abort run" }).click();
    await page.locator('#run [data-phase="aborted"]').waitFor();
    assert.match(await text(page, "#reason"), /Aborted.*on the run page/su);
    assert.match((await client).phase.toLowerCase(), /aborted/u);
  });

  await t.test(
    "live: phases, log and outputs come by themselves, also after a restart of the server",
    async (t) => {
      const url = `${runs}/live`;
      // It waits for this file after ten ticks, however slow the browser is.
      const gate = join(await temporaryDirectory(t), "gate");
      const client = run("ticks", { count: 30, gate }, { name: "live" });
      await until(async () => (await fetch(url)).ok);
      const { page, faults } = await openPage(t, browser, url);
      await page.evaluate(() => Object.assign(globalThis, { notReloaded: true }) && undefined);
      await page.locator(".line.stdout").nth(3).waitFor();
      assert.match(await text(page, "#run"), /running/u);
      await noViolations(page);
      await server.kill("SIGKILL");
      await connection(page, "lost");
      await startServer(t, {
        args: [...args, "--engine", "process", "--python", stockPython(), "--port", String(server.port)],
      });
      await connection(page, "live");
      await writeFile(gate, "");
      await page.locator('#run [data-phase="succeeded"]').waitFor();
      await connection(page, "ended");
      assert.match(await text(page, "#values"), /all ticked/u);
      const ticks = await page.locator(".line.stdout .content").allTextContents();
      assert.deepEqual(
        ticks,
        Array.from({ length: 30 }, (_, index) => `tick ${index}`),
      );
      assert.equal(await page.evaluate(() => "notReloaded" in globalThis), true);
      assert.deepEqual(faults, []);
      assert.match((await client).phase.toLowerCase(), /succeeded/u);
    },
  );
});

/** What a list of facts, or a row of a table, says of each name. */
async function timesOf(values: Locator, attribute?: string): Promise<Record<string, string>> {
  const pairs: [string, string][] = [];
  for (const value of await values.all()) {
    const name =
      attribute === undefined
        ? await value.locator("xpath=preceding-sibling::dt").textContent()
        : await value.getAttribute(attribute);
    pairs.push([name ?? "", ((await value.textContent()) ?? "").trim()]);
  }
  return Object.fromEntries(pairs);
}

async function connection(page: Page, state: "live" | "lost" | "ended"): Promise<void> {
  await page.locator(`#connection[data-state="${state}"]`).waitFor({ state: "attached" });
}

async function rowCount(page: Page, count: number): Promise<void> {
  await until(async () => (await page.getByRole("treeitem").count()) === count);
}

async function chosen(page: Page, label: string): Promise<void> {
  await page.locator("#summary h2", { hasText: label }).waitFor();
}

async function text(page: Page, selector: string): Promise<string> {
  return (await page.locator(selector).first().textContent()) ?? "";
}

async function rowLabels(page: Page): Promise<string[]> {
  return page.locator("[role=treeitem] .label").allTextContents();
}

async function noViolations(page: Page): Promise<void> {
  const { violations } = await new AxeBuilder({ page }).analyze();
  assert.deepEqual(
    violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(" ")}`),
    [],
    page.url(),
  );
}
