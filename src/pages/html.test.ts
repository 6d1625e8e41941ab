import assert from "node:assert/strict";
import { test } from "node:test";
import { html } from "./html.ts";

test("values are escaped, in text and in attributes; templates are not", () => {
  const hostile = `</p><script>"x" & 'y'</script>`;
  const escaped = "&lt;/p&gt;&lt;script&gt;&quot;x&quot; &amp; &#39;y&#39;&lt;/script&gt;";
  assert.equal(html`<p title="${hostile}">${hostile}</p>`.toString(), `<p title="${escaped}">${escaped}</p>`);
  assert.equal(
    html`<ul>
      ${["<", ">"].map((text) => html`<li>${text}</li>`)}
    </ul>`.toString(),
    "<ul><li>&lt;</li><li>&gt;</li></ul>",
  );
});

test("what is absent leaves no trace, and zero is not absent", () => {
  assert.equal(html`a${undefined}${false}${0}${""}z`.toString(), "a0z");
});
