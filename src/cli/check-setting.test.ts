import assert from "node:assert/strict";
import { test } from "node:test";
import { COMMANDS } from "./commands.ts";
import { readUpSettings } from "./up-settings.ts";

const NO_NUMBERS = [
  ..."-1 +1 1.5 1e9 1e3 0x10 0b1 1_000 1,000 abc NaN Infinity 99999999999999999999".split(" "),
  "",
  " ",
  " 1",
  "1\n",
  "१",
];

test("a number out of its range, or written in another way, is refused", async () => {
  const ranges: readonly [string, number, number][] = [
    ["port", 0, 65_535],
    ["max-parallel", 1, 10_000],
    ["linger-seconds", 0, 86_400],
    ["keep-logs-days", 0, 36_500],
    ["keep-audit-days", 0, 36_500],
    ["max-log-mib", 1, 1_048_576],
  ];
  for (const [name, min, max] of ranges) {
    const read = (value: string) => readUpSettings({ values: { [name]: value }, positionals: [], env: {} });
    for (const value of [...NO_NUMBERS, String(min - 1), String(max + 1)]) {
      const message = `--${name} is ${JSON.stringify(value)}; it must be a whole number from ${min} to ${max}`;
      await assert.rejects(read(value), { code: "CONFIG_INVALID", message });
    }
    for (const value of [String(min), String(max), `0${max}`]) await read(value);
  }
});

test("so are those of a variable and of other commands, before anything is done", async () => {
  const variable = readUpSettings({ values: {}, positionals: [], env: { BOXKITE_PORT: "" } });
  await assert.rejects(variable, {
    message: 'BOXKITE_PORT is ""; it must be a whole number from 0 to 65535',
  });
  const doctor = await COMMANDS["doctor"]?.();
  assert.ok(doctor);
  const checked = async (port: string) => doctor.run({ values: { port }, positionals: [], env: {} });
  for (const port of [...NO_NUMBERS, "65536"])
    await assert.rejects(checked(port), /^BoxkiteError: --port is /u);
});
