import assert from "node:assert/strict";
import { test } from "node:test";
import { html } from "./html.ts";

const HOSTILE = `</p><script>"x" & 'y'</script>\r`;
const ESCAPED = "&lt;/p&gt;&lt;script&gt;&quot;x&quot; &amp; &#39;y&#39;&lt;/script&gt;&#13;";

test("values are escaped, in text and in attributes", () => {
  assert.equal(html`<p title="${HOSTILE}">${HOSTILE}</p>`.toString(), `<p title="${ESCAPED}">${ESCAPED}</p>`);
});

test("templates in templates are not escaped again, in lists neither", () => {
  const items = ["<", ">"].map((text) => html`<b>${text}</b>`);
  assert.equal(html`<i>${items}</i>`.toString(), "<i><b>&lt;</b><b>&gt;</b></i>");
});

test("what is absent leaves no trace, and zero is not absent", () => {
  assert.equal(html`a${undefined}${false}${0}${""}z`.toString(), "a0z");
});
