import assert from "node:assert/strict";
import { test } from "node:test";
import { parseCommandLine } from "./command-line.ts";
import { COMMANDS } from "./commands.ts";

async function parse(line: readonly string[]) {
  const [name = "", ...args] = line;
  const load = COMMANDS[name];
  assert.ok(load);
  return parseCommandLine(await load(), args, {});
}

test("values and arguments are read, those that begin with a dash too where they cannot be an option", async () => {
  const { values, positionals } = await parse(["images", "build", "-", "--target=-x", "--keep-days", "-1"]);
  assert.deepEqual({ ...values }, { target: "-x", "keep-days": "-1" });
  assert.deepEqual(positionals, ["build", "-"]);
  assert.deepEqual(
    { ...(await parse(["up", "-v", "--data", "", "--json"])).values },
    { verbose: true, data: "", json: true },
  );
  assert.deepEqual((await parse(["images", "--", "ls", "--json"])).positionals, ["ls", "--json"]);
});

test("what follows -- is left to the program that it is for, where a command takes it", async () => {
  const { positionals, rest } = await parse(["shell", "r/a0", "--", "ls", "--help", "--", "-1"]);
  assert.deepEqual([positionals, rest], [["r/a0"], ["ls", "--help", "--", "-1"]]);
  assert.deepEqual((await parse(["shell", "r/a0"])).rest, []);
});

test("what a command does not take is refused in plain words", async () => {
  const rows: readonly [readonly string[], RegExp][] = [
    [
      ["up", "--executor", "process"],
      /^boxkite up has no option --executor; its options are --port, --host, .*--help$/u,
    ],
    [
      ["up", "--lingerseconds=1"],
      /^boxkite up has no option --lingerseconds; did you mean --linger-seconds\? /u,
    ],
    [["up", "--linger"], /; did you mean --linger-seconds\? its options/u],
    [["up", "--hepl"], /; did you mean --help\?/u],
    [["up", "--constructor"], /has no option --constructor; its options/u],
    [["up", "-x"], /^boxkite up has no option -x; its options/u],
    [["version", "--json"], /^boxkite version has no option --json; its options are --help$/u],
    [["up", "--json=yes"], /^boxkite up takes no value for --json$/u],
    [["up", "--port"], /^boxkite up needs a value for --port: --port N$/u],
    [
      ["up", "--data", "--json"],
      /^boxkite up needs a value for --data, and --json is an option; or write --data=--json$/u,
    ],
    [["up", "--port", "-v"], /^boxkite up needs a value for --port, and -v is an option/u],
    [["up", "hello.py"], /^boxkite up has no argument "hello\.py"$/u],
    [["images", "inspect", "a", "b"], /^boxkite images has no argument "b"$/u],
  ];
  for (const [line, message] of rows) {
    const hint = `boxkite ${line[0]} --help`;
    await assert.rejects(parse(line), { code: "CONFIG_INVALID", message, hint });
  }
});
