import assert from "node:assert/strict";
import { test } from "node:test";
import { parseCommand } from "./command-line.ts";

test("the words are those that Python's shlex.split gives", async () => {
  const words: readonly (readonly [string, readonly string[]])[] = [
    ["get-token --for data", ["get-token", "--for", "data"]],
    [`get-token --for "two words"`, ["get-token", "--for", "two words"]],
    [`get-token 'two words' ''`, ["get-token", "two words", ""]],
    [`get-token --for="two words"'!' three\\ words`, ["get-token", "--for=two words!", "three words"]],
    [`sh -c 'echo "$TOKEN" | tr a b'`, ["sh", "-c", 'echo "$TOKEN" | tr a b']],
    [`a "b\\"c" 'd'\\''e' "\\n" '$x' \\$x $`, ["a", 'b"c', "d'e", "\\n", "$x", "$x", "$"]],
    [`a *.txt b? "*" [c] {d,e} ~`, ["a", "*.txt", "b?", "*", "[c]", "{d,e}", "~"]],
    [" \t a\n b ", ["a", "b"]],
    ["", []],
  ];
  for (const [text, expected] of words) assert.deepEqual(await parseCommand(text), expected, text);
});

test("a list is taken as it is, in YAML or in JSON", async () => {
  assert.deepEqual(await parseCommand(["a", "b c", 1]), ["a", "b c", "1"]);
  assert.deepEqual(await parseCommand('["a", "b | c"]'), ["a", "b | c"]);
  assert.deepEqual(await parseCommand("[ -f token ]"), ["[", "-f", "token", "]"]);
  assert.deepEqual(await parseCommand(undefined), []);
});

test("what only a shell can do is refused", async () => {
  const commands = ["a | b", "a; b", "a && b", "a > b", "a # b", "a $TOKEN", 'a "${TOKEN}"', "a $(b)"];
  for (const text of [...commands, "a 'b", 'a "b', "a \\"])
    await assert.rejects(parseCommand(text), { code: "CONFIG_INVALID", hint: /sh -c/ }, text);
});
