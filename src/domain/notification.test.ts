import assert from "node:assert/strict";
import { test } from "node:test";
import { fillRequest } from "./notification.ts";

const END = {
  run: { project: "p", domain: "d", run: "a b" },
  phase: "failed",
  error: 'no "way"\nout ✗',
};

test("variables are written as the place they stand in wants it", () => {
  const filled = fillRequest(
    {
      method: "POST",
      url: "http://x/{{.Run.Name}}?e={{ .Phase }}",
      headers: { "x-error": "{{.Error}}" },
      body: '{"a": ["{{.Error}}", {"b": "{{.Run.Project}}/{{.Run.Domain}}"}], "n": 1}',
    },
    END,
  );
  assert.equal(filled.url, "http://x/a%20b?e=failed");
  assert.deepEqual(filled.headers, { "x-error": 'no "way" out  ' });
  assert.deepEqual(JSON.parse(filled.body), { a: [END.error, { b: "p/d" }], n: 1 });
});

test("a body that is no JSON is text; a variable that is not known stays", () => {
  const request = {
    method: "POST",
    url: "http://x",
    headers: {},
    body: "{{.Phase}}: {{.Task.Name}} {{.constructor}}",
  };
  assert.equal(fillRequest(request, END).body, "failed: {{.Task.Name}} {{.constructor}}");
});
