import assert from "node:assert/strict";
import { test } from "node:test";
import { createLogger } from "./log.ts";

test("what a caller named cannot begin a line of the log, or move a terminal's cursor", () => {
  const lines: string[] = [];
  const log = createLogger({ write: (line) => lines.push(line) });
  const name = "a\nerror the disk failed\u001b[2J\u009b2J\u007f";
  log.info("deployed a task", { task: name, labels: { [name]: name }, error: new Error(name) });
  const [line = ""] = lines;
  assert.doesNotMatch(line.slice(0, -1), /\p{Cc}/u);
  assert.match(line, / task=a\\nerror the disk failed\\u001b\[2J\\u009b2J\\u007f /u);
});

test("in JSON, a line is what was logged", () => {
  const lines: string[] = [];
  createLogger({ format: "json", write: (line) => lines.push(line) }).info("deployed", { task: "a\nb" });
  const { level, message, task } = JSON.parse(lines.join("")) as Record<string, unknown>;
  assert.deepEqual({ level, message, task }, { level: "info", message: "deployed", task: "a\nb" });
});
