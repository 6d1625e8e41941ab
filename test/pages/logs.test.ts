/** Logs on the run page, with JavaScript and without, of attempts that do what the test says. */
import assert from "node:assert/strict";
import { appendFile, mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { AxeBuilder } from "@axe-core/playwright";
import { create } from "@bufbuild/protobuf";
import { createClient } from "@connectrpc/connect";
import type { Browser, Page } from "playwright-core";
import type { LogSink } from "../../src/domain/attempt.ts";
import { BoxkiteError } from "../../src/domain/errors.ts";
import { TaskSpecSchema } from "../../src/wire/gen/flyteidl2/task/task_definition_pb.js";
import { RunService } from "../../src/wire/gen/flyteidl2/workflow/run_service_pb.js";
import { createFakeExecutor } from "../helpers/fake-executor.ts";
import { startInProcess } from "../helpers/in-process-server.ts";
import { until } from "../helpers/until.ts";
import { launchBrowser, missingBrowser, openPage } from "./browser.ts";

const NO_SCRIPT = { javaScriptEnabled: false };

/** A server whose attempts run until they are ended, and whose images called `missing` do not exist. */
async function subject(t: TestContext) {
  const fake = createFakeExecutor();
  const logs = new Map<string, LogSink>();
  const server = await startInProcess(
    t,
    {
      ...fake,
      resolveImage: async (reference) => {
        if (reference.startsWith("missing"))
          throw new BoxkiteError("IMAGE_NOT_FOUND", `no registry has ${reference}`);
        return fake.resolveImage(reference);
      },
      start: async (spec, log, observer) => {
        logs.set(spec.key.run, log);
        await fake.start(spec, log, observer);
      },
    },
    { maxParallel: 100 },
  );
  const client = createClient(RunService, server.transport);
  const page = (name: string) => `${server.url}/v2/domain/development/project/flytesnacks/runs/${name}`;
  return {
    fake,
    page,
    logOf: (name: string) => logs.get(name) ?? assert.fail(`${name} has not started`),
    fileOf: (name: string) => join(server.directory, "logs/flytesnacks/development", name, "a0/1.log"),
    run: async (name: string, { image = "fake:1", retries = 0 } = {}): Promise<void> => {
      const taskSpec = create(TaskSpecSchema, {
        taskTemplate: {
          id: { name: "env.task", version: "1" },
          type: "python",
          metadata: { retries: { retries } },
          target: { case: "container", value: { image, args: ["a0"] } },
        },
      });
      const runId = { project: "flytesnacks", domain: "development", name };
      await client.createRun({
        id: { case: "runId", value: runId },
        task: { case: "taskSpec", value: taskSpec },
      });
    },
    started: (name: string) => until(async () => logs.has(name)),
    shows: (name: string, phase: string) =>
      until(async () => (await (await fetch(page(name))).text()).includes(`data-phase="${phase}"`)),
  };
}

test("logs on the run page", { skip: missingBrowser() ?? false }, async (t) => {
  const { run, page: pageOf, logOf, fileOf, started, shows, fake } = await subject(t);
  const browser = await launchBrowser(t);

  await t.test(
    "a long log: its end, its beginning and the parts between, of which no page reads more",
    async (t) => {
      await run("long");
      await started("long");
      fake.end("a0");
      await shows("long", "failed");
      const thousand = (from: number) =>
        Array.from({ length: 1_000 }, (_, n) => `${n} o line ${from + n} ${"x".repeat(180)}\n`).join("");
      await writeFile(fileOf("long"), "");
      for (let n = 0; n < 100; n++) await appendFile(fileOf("long"), thousand(1_000 * n));

      const before = await bytesRead();
      const began = performance.now();
      const html = await (await fetch(pageOf("long"))).text();
      const [tookMs, read] = [performance.now() - began, (await bytesRead()) - before];
      t.diagnostic(`${tookMs.toFixed(0)} ms, ${read} bytes read, ${html.length} sent`);
      assert.ok(read < 4_000_000, `${read} bytes were read`);
      assert.equal(html.match(/class="line stdout"/gu)?.length, 1_000);

      for (const options of [{}, NO_SCRIPT]) {
        const { page, faults } = await openPage(t, browser, pageOf("long"), options);
        if (options !== NO_SCRIPT)
          await page.locator('#connection[data-state="ended"]').waitFor({ state: "attached" });
        assert.deepEqual(await numbers(page), range(99_000, 100_000));
        assert.match(await text(page, ".log-note"), /^The last 1,000 lines · times in (UTC|[+-]\d\d:\d\d)$/u);
        assert.ok(await page.locator(".line").last().isVisible());
        assert.ok(await isInView(page), "the last line is in view");
        await page.getByRole("link", { name: "Earlier lines" }).click();
        await page.waitForURL(/until=\d+/u);
        assert.deepEqual(await numbers(page), range(98_000, 99_000));
        assert.match(await text(page, "#log-note"), /^1,000 lines, after 97 % of the log$/u);
        await page.getByRole("link", { name: "Beginning" }).click();
        await page.waitForURL(/from=start/u);
        assert.deepEqual(await numbers(page), range(0, 1_000));
        assert.match(await text(page, "#log-note"), /^The first 1,000 lines$/u);
        await page.getByRole("link", { name: "Later lines" }).click();
        await page.waitForURL(/from=\d+/u);
        assert.deepEqual(await numbers(page), range(1_000, 2_000));
        await page.getByRole("link", { name: "End" }).click();
        await page.waitForURL(/runs\/long#log-head$/u);
        assert.deepEqual(await numbers(page), range(99_000, 100_000));
        assert.deepEqual(faults, []);
      }
      await rm(fileOf("long"));
    },
  );

  await t.test("a live log is followed at its end, without gaps however fast it grows", async (t) => {
    await run("live");
    await started("live");
    const log = logOf("live");
    log.write("stdout", "line 0 first", Date.now());
    await log.flush();
    const { page, faults } = await openPage(t, browser, pageOf("live"));
    await page.locator('#connection[data-state="live"]').waitFor({ state: "attached" });
    log.write("stderr", "line 1 second", Date.now());
    await page.locator(".line.stderr").waitFor();
    assert.deepEqual(await numbers(page), [0, 1]);
    assert.equal(await text(page, "#log-note"), "All 2 lines");
    for (let n = 2; n < 50_000; n++) log.write("stdout", `line ${n}`, Date.now());
    await page.locator(".content", { hasText: /^line 49999$/u }).waitFor();
    const shown = await numbers(page);
    assert.deepEqual(shown, range(50_000 - shown.length, 50_000));
    assert.ok(await isInView(page));
    assert.match(await text(page, "#log-note"), /^The last [\d,]+ lines$/u);
    // Who has scrolled away keeps what is there, and has the newest lines when he comes back.
    await page.locator("#log").evaluate((log: { scrollTop: number }) => void (log.scrollTop = 0));
    await page.locator("#log-follow:not(:checked)").waitFor();
    for (let n = 50_000; n < 60_000; n++) log.write("stdout", `line ${n}`, Date.now());
    await page.locator("#log-note", { hasText: "There are newer lines" }).waitFor();
    assert.deepEqual(await numbers(page), shown);
    await page.getByLabel("follow").check();
    await page.locator(".content", { hasText: /^line 59999$/u }).waitFor();
    const newest = await numbers(page);
    assert.deepEqual(newest, range(60_000 - newest.length, 60_000));
    const earlier = await page.getByRole("link", { name: "Earlier lines" }).getAttribute("href");
    const part = await openPage(t, browser, new URL(earlier ?? "", pageOf("live")).href, NO_SCRIPT);
    assert.equal((await numbers(part.page)).at(-1), 60_000 - newest.length - 1);
    // A part that is not the end stays as it is.
    const first = await openPage(t, browser, `${pageOf("live")}?from=start`);
    await first.page.locator('#connection[data-state="live"]').waitFor({ state: "attached" });
    log.write("stdout", "line 60000", Date.now());
    await page.locator(".content", { hasText: /^line 60000$/u }).waitFor();
    assert.deepEqual(await numbers(first.page), range(0, 1_000));
    assert.deepEqual(faults, []);
  });

  await t.test("odd bytes, long lines and both streams, the same with JavaScript and without", async (t) => {
    await run("odd");
    await started("odd");
    const log = logOf("odd");
    const texts = [
      "\u001b[31mred\u001b[0m",
      "  two  blanks",
      "<b>&amp;",
      "a\rb",
      "A".repeat(200_000),
      "no line end",
    ];
    for (const [n, one] of texts.entries()) log.write(n % 2 === 0 ? "stdout" : "stderr", one, n);
    await log.flush();
    const shown = async (options: object) => {
      const { page } = await openPage(t, browser, pageOf("odd"), { ...options, timezoneId: "UTC" });
      return page.locator(".line").allTextContents();
    };
    const elsewhere = await openPage(t, browser, pageOf("odd"), { timezoneId: "Asia/Kolkata" });
    assert.match(await text(elsewhere.page, ".log-note"), /times in \+05:30$/u);
    assert.equal(await text(elsewhere.page, ".line time"), "05:30:00.000");
    const part = await openPage(t, browser, `${pageOf("odd")}?until=100`);
    assert.deepEqual((await new AxeBuilder(part).analyze()).violations, []);
    const [plain, scripted] = [await shown(NO_SCRIPT), await shown({})];
    assert.deepEqual(plain, scripted);
    assert.deepEqual(
      plain.filter((line) => !line.includes("system")).map((line) => line.slice(0, 40)),
      [
        "00:00:00.000 stdout red",
        "00:00:00.001 stderr   two  blanks",
        "00:00:00.002 stdout <b>&amp;",
        "00:00:00.003 stderr a\rb",
        `00:00:00.004 stdout ${"A".repeat(20)}`,
        "00:00:00.005 stderr no line end",
      ],
    );
  });

  await t.test(
    "a retry begins an empty log; that of the attempt before stays at its own address",
    async (t) => {
      await run("again", { retries: 1 });
      await started("again");
      logOf("again").write("stdout", "line 0", 1);
      await logOf("again").flush();
      const { page, faults } = await openPage(t, browser, pageOf("again"));
      await page.locator("#connection[data-state]").waitFor({ state: "attached" });
      assert.deepEqual(await numbers(page), [0]);
      fake.end("a0", { exitCode: 1 });
      await page.getByText("Running. Nothing has been written yet.").waitFor();
      assert.equal(await page.locator("#log").isVisible(), false);
      logOf("again").write("stdout", "line 1", 2);
      await page.locator(".content", { hasText: "line 1" }).waitFor();
      assert.deepEqual(await numbers(page), [1]);
      for (const [attempt, lines] of [
        [1, [0]],
        [2, [1]],
      ] as const) {
        const chosen = await openPage(t, browser, `${pageOf("again")}?attempt=${attempt}`, NO_SCRIPT);
        assert.deepEqual(await numbers(chosen.page), lines);
      }
      // While nothing has come yet, nothing is said of the log.
      await page.route("**/stream*", () => {});
      await page.getByRole("link", { name: "Attempt 1", exact: true }).click();
      await page.getByText("The log is being loaded.").waitFor();
      await page.unroute("**/stream*");
      assert.deepEqual(faults, []);
    },
  );

  await t.test("a log without lines says what is so, and has no dead link", async (t) => {
    await run("silent");
    await started("silent");
    await shows("silent", "running");
    await says(t, browser, pageOf("silent"), "Running. Nothing has been written yet.");
    fake.end("a0");
    await shows("silent", "failed");
    // Where the server had nothing to say of the end, either.
    await rm(fileOf("silent"), { force: true });
    await says(t, browser, pageOf("silent"), "Ended without output.");
    await says(t, browser, `${pageOf("silent")}?attempt=9`, "There is no attempt 9: the last one is 1.");
    await run("never", { image: "missing:1" });
    await shows("never", "failed");
    await says(t, browser, pageOf("never"), /^Never started: \S+ .*missing:1/su);
    await run("unreadable");
    await started("unreadable");
    fake.end("a0");
    await shows("unreadable", "failed");
    await rm(fileOf("unreadable"));
    await mkdir(fileOf("unreadable"));
    await says(t, browser, pageOf("unreadable"), /^The log could not be read: EISDIR/u);
  });
});

/** What the page says instead of a log: at once, in the page as it is sent, and when the script has taken over. */
async function says(t: TestContext, browser: Browser, url: string, words: string | RegExp): Promise<void> {
  for (const options of [NO_SCRIPT, {}]) {
    const { page, faults } = await openPage(t, browser, url, options);
    if (options !== NO_SCRIPT) await page.locator("#connection[data-state]").waitFor({ state: "attached" });
    const state = page.locator("#log-state");
    assert.ok(await state.isVisible(), `${url} says something`);
    const said = ((await state.textContent()) ?? "").trim().replaceAll(/\s+/gu, " ");
    if (typeof words === "string") assert.equal(said, words);
    else assert.match(said, words);
    assert.equal(await page.locator("#log").isVisible(), false);
    for (const link of await page.locator("#log-head a, #log-pane a:visible").all()) {
      const { status } = await fetch(new URL((await link.getAttribute("href")) ?? "", url));
      assert.equal(status, 200);
    }
    assert.deepEqual(faults, []);
  }
}

/** The numbers of the lines on the page, of those that the test wrote. */
async function numbers(page: Page): Promise<number[]> {
  const contents = await page.locator(".line:not(.system) .content").allTextContents();
  return contents.map((content) => Number(/^line (\d+)/u.exec(content)?.[1]));
}

function range(from: number, to: number): number[] {
  return Array.from({ length: to - from }, (_, n) => from + n);
}

async function text(page: Page, selector: string): Promise<string> {
  return (await page.locator(selector).first().textContent()) ?? "";
}

/** Is the last line in the part of the log that is in view? */
async function isInView(page: Page): Promise<boolean> {
  const [log, line] = [
    await page.locator("#log").boundingBox(),
    await page.locator(".line").last().boundingBox(),
  ];
  if (log === null || line === null) return false;
  return line.y + line.height <= log.y + log.height + 1 && line.y >= log.y;
}

/** By this process, of files. */
async function bytesRead(): Promise<number> {
  return Number(/^rchar: (\d+)$/mu.exec(await readFile("/proc/self/io", "utf8"))?.[1]);
}
