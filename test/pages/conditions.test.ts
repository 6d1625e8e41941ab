/** Conditions answered on the run page, in a real browser against a real server. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { AxeBuilder } from "@axe-core/playwright";
import type { Page } from "playwright-core";
import { processSubject, usePython } from "../helpers/process-subject.ts";
import { stockPython } from "../helpers/stock-sdk.ts";
import { until } from "../helpers/until.ts";
import { launchBrowser, missingBrowser, openPage } from "./browser.ts";

const FLOW = `
import asyncio, flyte
env = flyte.TaskEnvironment(name="e")

async def ask(name: str, data_type: type, prompt: str):
    condition = await flyte.new_condition.aio(name, prompt=prompt, description="for the test", data_type=data_type)
    return await condition.wait.aio()

@env.task
async def main() -> list[str]:
    answers = [await ask("yes-or-no", bool, "Go <b>on</b>?"), await ask("how-many", int, "How many?")]
    answers += [await ask("how-much", float, "How much?")]
    answers += await asyncio.gather(ask("what", str, "What?"), ask("another", str, "Another?"))
    answers += [await ask("by-json", float, "Whole?")]
    return [repr(answer) for answer in answers]
`;

test(
  "conditions of every type are answered by the forms of their pages",
  { skip: missingBrowser() ?? false },
  async (t) => {
    usePython(stockPython());
    const { server, run } = await processSubject(t, FLOW);
    const url = `${server.ready.url}/v2/domain/development/project/flytesnacks/runs/asks`;
    const browser = await launchBrowser(t);
    const client = run("main", {}, { name: "asks" });
    await until(async () => (await fetch(url)).ok);
    await until(async () => (await (await fetch(url)).text()).includes("Go &lt;b&gt;on"));
    const list = await openPage(t, browser, `${server.ready.url}/v2?status=paused`);
    assert.match(
      (await list.page.locator("tbody tr").textContent()) ?? "",
      /asks.*paused.*Go <b>on<\/b>\?/su,
    );
    const { page, faults } = await openPage(t, browser, url);
    assert.equal(await page.locator("#run .phase").textContent(), "paused");
    assert.match((await page.locator("#first form").textContent()) ?? "", /Go <b>on<\/b>\?.*Approve/su);
    await noViolations(page);

    await choose(page, "yes-or-no");
    const reason = page.locator("#reason");
    assert.match((await reason.textContent()) ?? "", /Go <b>on<\/b>\?.*for the test/su);
    await noViolations(page);
    const form = await page.locator("#reason form").getAttribute("action");
    const answer = new URL(form ?? "", url);
    const post = (headers: Record<string, string>, body: string) =>
      fetch(answer, { method: "POST", headers, body: new URLSearchParams({ value: body }) });
    assert.equal((await post({}, "true")).status, 403);
    assert.equal((await post({ origin: "http://example.org" }, "true")).status, 403);
    const wrong = await post({ origin: server.ready.url }, "perhaps");
    assert.equal(wrong.status, 400);
    assert.match(await wrong.text(), /wants a value of type bool, not/u);
    await page.getByRole("button", { name: "Approve" }).click();
    await page.locator('#summary [data-phase="succeeded"]').waitFor();
    assert.equal((await post({ origin: server.ready.url }, "true")).status, 400);
    // The next one comes by itself.
    await page.locator("#first form", { hasText: "How many?" }).waitFor();

    await answerWith(page, "how-many", "Whole number", "-9007199254740993");
    await answerWith(page, "how-much", "Number", "3");
    await choose(page, "another");
    await page.getByLabel("Text").fill("for the other one");
    await choose(page, "what");
    assert.equal(await page.getByLabel("Text").inputValue(), "", "what is typed is for one condition");
    await answerWith(page, "what", "Text", " as typed ");
    await answerWith(page, "another", "Text", "more");
    // What a webhook's receiver sends: JSON knows no whole floats.
    await choose(page, "by-json");
    const name = new URL(page.url()).searchParams.get("i") ?? "";
    const sent = await fetch(`${url}/conditions/${name}`, { method: "POST", body: '{"value": 4}' });
    assert.equal(sent.status, 200);
    assert.deepEqual((await client).outputs?.[0], [
      "True",
      "-9007199254740993",
      "3.0",
      "' as typed '",
      "'more'",
      "4.0",
    ]);
    assert.deepEqual([...faults, ...list.faults], []);
    // The list is read again by itself.
    await list.page.getByText("No run is paused here.").waitFor();
  },
);

async function choose(page: Page, condition: string): Promise<void> {
  await page.getByRole("treeitem", { name: condition }).click();
  await page.locator("#summary h2", { hasText: condition }).waitFor();
}

async function answerWith(page: Page, condition: string, label: string, text: string): Promise<void> {
  await choose(page, condition);
  await page.getByLabel(label).fill(text);
  await noViolations(page);
  await page.getByRole("button", { name: "Send" }).click();
  await page.locator('#summary [data-phase="succeeded"]').waitFor();
}

async function noViolations(page: Page): Promise<void> {
  const { violations } = await new AxeBuilder({ page }).analyze();
  assert.deepEqual(
    violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(" ")}`),
    [],
  );
}
