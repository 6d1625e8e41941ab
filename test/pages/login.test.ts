/** Signing in, acting and signing out in a real browser, with scripts and without, and what another site may not do. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { AxeBuilder } from "@axe-core/playwright";
import type { Browser, Page } from "playwright-core";
import { createClient, type Interceptor, type Transport } from "@connectrpc/connect";
import { createConnectTransport } from "@connectrpc/connect-node";
import { tokenPath } from "../../src/executors/plain-environment.ts";
import { classWithoutBridges } from "../../src/platform/reach.ts";
import { createToken } from "../../src/server/create-token.ts";
import { STORE_FILE } from "../../src/server/store-file.ts";
import { openSqliteStore } from "../../src/store/sqlite/sqlite-store.ts";
import { RunService } from "../../src/wire/gen/flyteidl2/workflow/run_service_pb.js";
import { taskSpec } from "../../bench/helpers/requests.ts";
import { createFakeExecutor } from "../helpers/fake-executor.ts";
import { startInProcess } from "../helpers/in-process-server.ts";
import { launchBrowser, missingBrowser, openPage } from "./browser.ts";
import { attackByRebinding, attackFromElsewhere, createVictim, injectInto, RUNS } from "./other-sites.ts";

const PROJECT = { project: "flytesnacks", domain: "development" };
test("a server in a browser", { skip: missingBrowser() ?? false }, async (t) => {
  const browser = await launchBrowser(t);
  await t.test("people sign in, end a run and sign out", (t) => signInAndOut(t, browser));
  await t.test("pages of other sites change nothing and see nothing", (t) => otherSites(t, browser));
});

async function signInAndOut(t: TestContext, browser: Browser): Promise<void> {
  const { url, directory } = await startInProcess(t, createFakeExecutor(), { auth: "tokens" });
  const store = openSqliteStore(join(directory, STORE_FILE));
  t.after(() => store.close());
  const { text, token } = await createToken(store, {
    name: "alice",
    grants: [{ role: "runner", ...PROJECT }],
    expiresAt: undefined,
    createdBy: "me",
    at: Date.parse("2026-01-01"),
  });
  const runs = createClient(RunService, transportOf(url, text));

  for (const javaScriptEnabled of [true, false]) {
    const name = `scripts-${String(javaScriptEnabled)}`;
    await runs.createRun({
      id: { case: "runId", value: { ...PROJECT, name } },
      task: { case: "taskSpec", value: taskSpec({ command: ["true"] }) },
    });
    const { page, faults } = await openPage(t, browser, `${url}${RUNS}/${name}`, { javaScriptEnabled });
    assert.match(page.url(), /\/login\?next=/u);
    if (javaScriptEnabled) assert.deepEqual((await new AxeBuilder({ page }).analyze()).violations, []);
    await page.getByLabel("Token").fill("bkt_wrong");
    await page.getByRole("button", { name: "Sign in" }).click();
    assert.match((await page.getByRole("alert").textContent()) ?? "", /not valid/u);
    await page.getByLabel("Token").fill(text);
    await page.getByRole("button", { name: "Sign in" }).click();
    await page.waitForURL(`${url}${RUNS}/${name}`);
    assert.deepEqual(
      (await page.context().cookies()).map(({ httpOnly, sameSite }) => [httpOnly, sameSite]),
      [[true, "Lax"]],
    );

    // The cookie goes along from a page of another origin on the same machine; the form's value does not.
    const refused = await postFromElsewhere(t, page, `${url}${RUNS}/${name}/abort?i=a0`);
    assert.equal(refused, 403);
    await page.goto(`${url}${RUNS}/${name}`);
    if (javaScriptEnabled) await page.locator("#connection").getByText(/live/iu).waitFor();
    page.once("dialog", (dialog) => dialog.accept());
    await page.getByRole("button", { name: "Abort run" }).click();
    await page.locator("#run .phase").getByText("aborted").waitFor();
    assert.match((await page.locator("#detail").textContent()) ?? "", /Started by\s*alice/u);

    await page.goto(url + RUNS);
    await page.getByRole("link", { name: "Started by me" }).click();
    await page.getByRole("link", { name }).waitFor();
    await page.getByRole("button", { name: "Sign out" }).click();
    await page.waitForURL(`${url}/login`);
    await page.goto(url + RUNS);
    assert.match(page.url(), /\/login\?next=/u);
    assert.deepEqual(
      faults.filter((fault) => !fault.includes("127.0.0.1")),
      [],
    );
  }

  // A live page ends with the token.
  const { page } = await openPage(t, browser, `${url}${RUNS}/scripts-true`);
  await page.getByLabel("Token").fill(text);
  await page.getByRole("button", { name: "Sign in" }).click();
  await runs.createRun({
    id: { case: "runId", value: { ...PROJECT, name: "live" } },
    task: { case: "taskSpec", value: taskSpec({ command: ["true"] }) },
  });
  await page.goto(`${url}${RUNS}/live`);
  await page.locator("#connection").getByText("Live").waitFor();
  await store.revokeToken(token.id, 1);
  await page.waitForURL(/\/login\?next=/u);
}

async function otherSites(t: TestContext, browser: Browser): Promise<void> {
  const open = await startInProcess(t, createFakeExecutor());
  const closed = await startInProcess(t, createFakeExecutor(), { auth: "tokens" });
  for (const { url, firstToken } of [open, closed]) {
    const victim = await createVictim(url, transportOf(url, firstToken), "victim");
    const { page } = await openPage(t, browser, `${url}${RUNS}/victim`);
    if (firstToken !== "") {
      await injectInto(page, `${url}/login`);
      await page.goto(`${url}/login`);
      await page.getByLabel("Token").fill(firstToken);
      await page.getByRole("button", { name: "Sign in" }).click();
      await page.waitForURL(`${url}/v2`);
    }
    await attackFromElsewhere(t, page, victim);
    // The session has not ended, and no other one began.
    await page.goto(`${url}${RUNS}/victim`);
    await page.locator("#run .phase").getByText("paused").waitFor();
    // Of the same origin, and without what the forms have.
    if (firstToken !== "")
      for (const body of ["", "form-token=wrong"]) {
        const status = await page.evaluate(
          async ([path, body]) =>
            (await fetch(path ?? "", { method: "POST", body: new URLSearchParams(body) })).status,
          [`${RUNS}/victim/abort?i=a0`, body],
        );
        assert.equal(status, 403);
      }
    await injectInto(page, `${url}${RUNS}/victim`);
    await attackByRebinding(browser, victim);
    await victim.isUnharmed();
  }
}

function transportOf(url: string, token: string): Transport {
  const show: Interceptor = (next) => (request) => {
    if (token !== "") request.header.set("authorization", `Bearer ${token}`);
    return next(request);
  };
  return createConnectTransport({ baseUrl: url, httpVersion: "1.1", interceptors: [show] });
}

test(
  "the link of the banner signs a browser in, and the secret leaves the address bar",
  {
    skip: missingBrowser() ?? false,
  },
  async (t) => {
    const reach = { listenAt: "127.0.0.1", accepts: () => true, classOf: classWithoutBridges };
    const { url, localSecret } = await startInProcess(t, createFakeExecutor(), {
      reach,
      taskReach: reach,
    });
    const runs = createClient(
      RunService,
      createConnectTransport({ baseUrl: url + tokenPath(localSecret), httpVersion: "1.1" }),
    );
    await runs.createRun({
      id: { case: "runId", value: { ...PROJECT, name: "r" } },
      task: { case: "taskSpec", value: taskSpec({ command: ["true"] }) },
    });
    const browser = await launchBrowser(t);
    for (const javaScriptEnabled of [true, false]) {
      const link = `${url}${tokenPath(localSecret)}/v2`;
      const { page, faults } = await openPage(t, browser, link, { javaScriptEnabled });
      assert.equal(page.url(), `${url}/v2`);
      assert.equal(await page.evaluate("document.referrer"), "");
      assert.deepEqual(
        (await page.context().cookies()).map(({ httpOnly, sameSite }) => [httpOnly, sameSite]),
        [[true, "Lax"]],
      );
      await page.goto(`${url}${RUNS}/r`);
      if (javaScriptEnabled) await page.locator("#connection").getByText("Live").waitFor();
      assert.equal(await postFromElsewhere(t, page, `${url}${RUNS}/r/abort?i=a0`), 403);
      await page.goto(`${url}${RUNS}/r`);
      await page.getByRole("button", { name: "Sign out" }).click();
      await page.waitForURL(`${url}/login`);
      if (javaScriptEnabled) assert.deepEqual((await new AxeBuilder({ page }).analyze()).violations, []);
      await page.goto(`${url}${RUNS}/r`);
      assert.match(page.url(), /\/login\?next=/u);
      await page.getByLabel("Local login secret").fill(localSecret);
      await page.getByRole("button", { name: "Sign in" }).click();
      await page.waitForURL(`${url}${RUNS}/r`);
      assert.deepEqual(
        faults.filter((fault) => !fault.includes("127.0.0.1")),
        [],
      );
    }
  },
);

/** The status with which the server answers a form that another origin made the browser send. */
async function postFromElsewhere(t: TestContext, page: Page, action: string): Promise<number | undefined> {
  const other = createServer((_, response) => {
    response.setHeader("content-type", "text/html");
    response.end(`<form method="post" action="${action}"><button>Win a prize</button></form>`);
  });
  other.listen(0, "127.0.0.1");
  await once(other, "listening");
  t.after(() => other.close());
  await page.goto(`http://127.0.0.1:${(other.address() as AddressInfo).port}/`);
  const answered = page.waitForResponse((response) => response.url() === action);
  await page.getByRole("button").click();
  return (await answered).status();
}
