import assert from "node:assert/strict";
import { test } from "node:test";
import { html } from "./html.ts";
import { layout } from "./layout.ts";

test("each page of a server that is open to anyone says so before its content", () => {
  const page = (isOpenToAnyone: boolean) =>
    String(layout({ title: "Runs", crumbs: [], main: html`<h1>Runs</h1>`, isOpenToAnyone })("nonce"));
  assert.match(
    page(true),
    /role="note">\s*<strong>This server is open to anyone<.*--insecure-no-auth.*<h1>Runs/su,
  );
  assert.doesNotMatch(page(false), /open to anyone|insecure/u);
});
