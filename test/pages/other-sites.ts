/**
 * What pages of other sites may do to a server in a real browser: nothing, whether they send requests from their own
 * origin, get text into a page of the server, or let their name lead to the server ("DNS rebinding").
 */
import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import type { TestContext } from "node:test";
import { createClient, type Transport } from "@connectrpc/connect";
import type { Browser, Page } from "playwright-core";
import { ActionsService } from "../../src/wire/gen/flyteidl2/actions/actions_service_pb.js";
import { ActionPhase } from "../../src/wire/gen/flyteidl2/common/phase_pb.js";
import { RunService } from "../../src/wire/gen/flyteidl2/workflow/run_service_pb.js";
import { actionId, ROOT, SCOPE, taskSpec } from "../../bench/helpers/requests.ts";
import { EVIL_NAME } from "./browser.ts";

export const RUNS = "/v2/domain/development/project/flytesnacks/runs";
const RPC = "/flyteidl2.workflow.RunService";

/** A run that goes on, and a condition in it that waits. */
export interface Victim {
  readonly url: string;
  readonly run: string;
  /** Throws where somebody has changed anything. */
  isUnharmed(): Promise<void>;
}

export async function createVictim(url: string, transport: Transport, run: string): Promise<Victim> {
  const runs = createClient(RunService, transport);
  await runs.createRun({
    id: { case: "runId", value: { ...SCOPE, name: run } },
    task: { case: "taskSpec", value: taskSpec({ command: ["true"] }) },
  });
  await createClient(ActionsService, transport).enqueue({
    action: {
      actionId: actionId(run, "q1"),
      parentActionName: ROOT,
      spec: { case: "condition", value: { name: "q1", prompt: "?" } },
    },
  });
  const phaseOf = async (action: string) => {
    const { details } = await runs.getActionDetails({ actionId: actionId(run, action) });
    return details?.status?.phase;
  };
  const before = [await phaseOf(ROOT), await phaseOf("q1")];
  assert.equal(before[1], ActionPhase.PAUSED);
  return {
    url,
    run,
    isUnharmed: async () => {
      const phases = [await phaseOf(ROOT), await phaseOf("q1")];
      assert.ok([ActionPhase.RUNNING, before[0]].includes(phases[0]), `the run is ${phases[0]}`);
      assert.equal(phases[1], ActionPhase.PAUSED);
    },
  };
}

/** What a page of any site can make a browser send, with the cookies that there are. */
function attacksOn({
  url,
  run,
}: Victim): readonly { readonly path: string; readonly type: string; readonly body: string }[] {
  const json = JSON.stringify({ runId: { ...SCOPE, name: run } });
  const form = "application/x-www-form-urlencoded";
  return [
    { path: `${RPC}/AbortRun`, type: "text/plain", body: json },
    { path: `${RPC}/AbortRun`, type: form, body: json },
    { path: `${RPC}/AbortRun`, type: "application/json", body: json },
    { path: `${RUNS}/${run}/abort?i=a0`, type: form, body: "" },
    { path: `${RUNS}/${run}/abort?i=a0`, type: form, body: "form-token=wrong" },
    { path: `${RUNS}/${run}/answer?i=q1`, type: form, body: "value=true" },
    { path: `${RUNS}/${run}/conditions/q1`, type: "text/plain", body: '{"value": true}' },
    { path: "/logout", type: form, body: "" },
    { path: "/login", type: form, body: "token=bkt_x" },
  ].map((attack) => ({ ...attack, path: url + attack.path }));
}

/** The scripts of the other site. */
const SITE = `<!doctype html><title>Win a prize</title><body><script>
async function send({ path, type, body }) {
  // The kinds of content that a page may send without asking the server first.
  const mode = type === "application/json" ? "cors" : "no-cors";
  const options = { method: "POST", body, mode, credentials: "include", headers: { "content-type": type } };
  return fetch(path, options).then((answer) => answer.type, () => "refused");
}
function submit({ path, body }) {
  const form = Object.assign(document.createElement("form"), { method: "post", action: path });
  for (const [name, value] of new URLSearchParams(body))
    form.append(Object.assign(document.createElement("input"), { name, value }));
  document.body.append(form);
  form.submit();
}
async function look(path) {
  const read = await fetch(path, { credentials: "include" }).then((answer) => answer.text(), () => "refused");
  const script = Object.assign(document.createElement("script"), { src: path });
  const loaded = new Promise((resolve) => {
    script.onload = () => resolve("loaded");
    script.onerror = () => resolve("refused");
  });
  const frame = Object.assign(document.createElement("iframe"), { src: path });
  const framed = new Promise((resolve) => (frame.onload = resolve));
  document.body.append(script, frame);
  await framed;
  return [read, await loaded];
}
</script></body>`;

/** From another port of the same machine, to which the browser sends the cookies, and from another site. */
export async function attackFromElsewhere(t: TestContext, page: Page, victim: Victim): Promise<void> {
  const port = await otherSite(t);
  for (const host of ["127.0.0.1", EVIL_NAME]) {
    const site = `http://${host}:${port}/`;
    await page.goto(site);
    for (const attack of attacksOn(victim)) {
      const seen = await page.evaluate(`send(${JSON.stringify(attack)})`);
      // Nothing that the page could read.
      assert.ok(seen === "opaque" || seen === "refused", `${attack.path}: ${String(seen)}`);
      await victim.isUnharmed();
    }
    // Forms are no requests of scripts: the browser goes to the answer.
    for (const attack of attacksOn(victim).slice(3)) {
      await page.goto(site);
      const answered = page.waitForResponse((response) => response.url() === attack.path);
      await page.evaluate(`submit(${JSON.stringify(attack)})`);
      await page.waitForURL(attack.path);
      const status = (await answered).status();
      assert.ok([401, 403, 404].includes(status), `${attack.path}: ${status}`);
      await victim.isUnharmed();
    }
    await page.goto(site);
    // Neither by a request, nor as a script, nor in a frame.
    const seen = await page.evaluate(`look(${JSON.stringify(`${victim.url}${RUNS}/${victim.run}`)})`);
    assert.deepEqual(seen, ["refused", "refused"]);
    assert.equal(await page.frames()[1]?.locator("#run").count(), 0);
  }
}

/** By the name of the other site, the server answers nothing at all. */
export async function attackByRebinding(browser: Browser, victim: Victim): Promise<void> {
  const context = await browser.newContext();
  const page = await context.newPage();
  const evil = victim.url.replace("127.0.0.1", EVIL_NAME);
  for (const path of ["/v2", `${RUNS}/${victim.run}`, "/login", "/v2/assets/page.js"]) {
    const shown = await page.goto(evil + path);
    assert.equal(shown?.status(), 421, path);
  }
  const attacks = attacksOn({ ...victim, url: "" });
  for (const { path, type, body } of attacks) {
    const status = await page.evaluate(
      async ([path, type, body]) => {
        const options = { method: "POST", headers: { "content-type": type ?? "" }, body: body ?? "" };
        return (await fetch(path ?? "", options)).status;
      },
      [path, type, body],
    );
    assert.equal(status, 421, path);
  }
  await victim.isUnharmed();
  await context.close();
}

const INJECTED = `<script>window.hacked = "inline"</script>
<script src="data:text/javascript,window.hacked='data'"></script>
<script nonce="">window.hacked = "empty nonce"</script>
<img src="x" onerror="window.hacked = 'handler'">
<a id="link" href="javascript:window.hacked='link'">x</a>
<iframe srcdoc="<script>parent.hacked = 'frame'</script>"></iframe>
<object data="data:text/html,<script>parent.hacked = 'object'</script>"></object>
<base href="http://${EVIL_NAME}/">
<style>body { display: none }</style>`;

/** Text that gets into a page as markup, whatever the fault by which it does, runs nothing and sends nothing. */
export async function injectInto(page: Page, url: string): Promise<void> {
  const elsewhere: string[] = [];
  page.on("request", (request) => {
    if (!request.url().startsWith("data:") && new URL(request.url()).origin !== new URL(url).origin)
      elsewhere.push(request.url());
  });
  await page.route(url, async (route) => {
    const response = await route.fetch();
    const body = (await response.text()).replace("</main>", `${INJECTED}</main>`);
    await route.fulfill({ response, body });
  });
  await page.goto(url);
  await page.evaluate(`document.querySelector("#link").click()`);
  const outcome = await page.evaluate(`(async () => [
    window.hacked,
    document.baseURI,
    getComputedStyle(document.body).display,
    await fetch("http://${EVIL_NAME}:1/", { mode: "no-cors" }).then(() => "sent", () => "refused"),
  ])()`);
  assert.deepEqual(outcome, [undefined, url, "block", "refused"]);
  assert.deepEqual(elsewhere, []);
  await page.unroute(url);
}

async function otherSite(t: TestContext): Promise<number> {
  const site = createServer((_, response) => {
    response.setHeader("content-type", "text/html");
    response.end(SITE);
  });
  site.listen(0, "127.0.0.1");
  await once(site, "listening");
  t.after(() => {
    site.closeAllConnections();
    site.close();
  });
  return (site.address() as AddressInfo).port;
}
