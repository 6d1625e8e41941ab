import assert from "node:assert/strict";
import { test } from "node:test";
import { Script } from "node:vm";
import { randomOf, type Random } from "../../../test/helpers/random.ts";
import { codeVersionOf, significantTokens } from "./code-version.ts";
import { TaskEnvironment } from "./task-environment.ts";
import { trace } from "./trace.ts";

function same(a: string, b: string): boolean {
  return JSON.stringify(significantTokens(a)) === JSON.stringify(significantTokens(b));
}

/** Literals with the characters that a hash of blanks would lose, each in an expression. */
const LITERALS = [
  '"two  blanks"',
  "'// no comment'",
  '"/* none */"',
  "`line one\n  line two`",
  "`a  ${ x }  b`",
  "`outer ${ `inner  ${ 'deep  er' }` } end`",
  "`a // b ${ y /* c */ } `",
  "/a  b/gu",
  "/[/  ]\\/ x/",
  '"tab\\t and \\\n continued"',
  '"it\'s \\"so\\"  "',
];
const EXPRESSIONS = [
  "x",
  "f(x, y)",
  "a / b / c",
  "[x, y]",
  "({ x, y })",
  "x ? y : z",
  "(a) / 2",
  "await g(x)",
  "x++ + y",
];
const BLANKS = [" ", "  ", "\t", " /* a // comment */ ", "/* 'quote */ ", "/* ` */ "];
const BREAKS = ["\n", "\r\n", "\n\n  ", " // it's a comment `\n", "/* over\n lines */"];

/** Statements as lists of tokens: white space and comments may stand between any two. */
function statement(random: Random, literals: string[]): string[] {
  const expression = (): string[] => {
    if (random.chance(0.5)) {
      const literal = random.pick(LITERALS);
      literals.push(literal);
      return [literal];
    }
    return [random.pick(EXPRESSIONS)];
  };
  return random.pick<() => string[]>([
    () => ["{", "const", "a", "=", ...expression(), ";", "}"],
    () => [
      "if",
      "(",
      ...expression(),
      ")",
      "{",
      ...statement(random, literals),
      "}",
      "else",
      "g",
      "(",
      ")",
      ";",
    ],
    () => ["return ", ...expression(), ";"],
    () => ["for", "(", "const", "i", "of", ...expression(), ")", "{", ...statement(random, literals), "}"],
    () => ["x", "=", ...expression(), "+", ...expression(), ";"],
    () => ["throw ", "new", "Error", "(", ...expression(), ")", ";"],
  ])();
}

function render(tokens: readonly string[], random: Random): string {
  return tokens
    .map((token) => {
      // `return` and what it returns stay on one line.
      const separators = token.endsWith(" ") ? BLANKS : [...BLANKS, ...BREAKS];
      return token + random.pick(separators);
    })
    .join("");
}

test("formatting and comments outside of literals change nothing, each character inside does", () => {
  for (let seed = 1; seed <= 300; seed++) {
    const random = randomOf(seed);
    const literals: string[] = [];
    const body = Array.from({ length: 5 }, () => statement(random, literals)).flat();
    const tokens = ["async", " (", "{", "x", ",", "y", "}", ")", "=>", "{", ...body, "}"];
    const plain = tokens.join(" ");
    new Script(`(${plain})`);
    assert.ok(same(plain, `async ${render(tokens.slice(1), random)}`), `seed ${seed}: formatting counts`);
    const literal = literals.length === 0 ? undefined : random.pick(literals);
    if (literal === undefined) continue;
    for (const changed of editsOf(literal)) {
      const edited = tokens.map((token) => (token === literal ? changed : token)).join(" ");
      assert.ok(!same(plain, edited), `seed ${seed}: ${literal} and ${changed} have one version`);
    }
  }
});

/** The literal with a blank more or less somewhere inside, as long as it is still one. */
function editsOf(literal: string): string[] {
  // What is between `${` and `}` is code.
  if (literal.includes("${")) return [literal.replace(" ", "  "), literal.replace(/ (?=[^ ]*$)/, "")];
  const places = Array.from(literal, (_, at) => at).slice(1, -1);
  const longer = places.map((at) => `${literal.slice(0, at)} ${literal.slice(at)}`);
  const shorter = places.map((at) => literal.slice(0, at) + literal.slice(at + 1));
  return [...longer, ...shorter].filter((edited) => edited !== literal && parses(edited));
}

function parses(expression: string): boolean {
  try {
    new Script(`(async () => ${expression})`);
    return true;
  } catch {
    return false;
  }
}

test("what a template holds counts, and only formatting inside its substitutions does not", () => {
  assert.ok(same("`a ${ x + y } b`", "`a ${x+y/* sum */} b`"));
  assert.ok(same("`a\r\nb`", "`a\nb`"), "a checkout on Windows");
  for (const [a, b] of [
    ["`a ${x} b`", "`a  ${x} b`"],
    ["`${x}\n\n${y}`", "`${x}\n${y}`"],
    ["`a ${ `b  ${c}` }`", "`a ${ `b ${c}` }`"],
    ["`a // b`", "`a // c`"],
    ["`a /* b */`", "`a `"],
    ["tag`\\n`", "tag`\n`"],
  ] as const)
    assert.ok(!same(a, b), `${a} and ${b}`);
});

test("a line break counts where it ends a statement", () => {
  const different = [
    ["() => { return\nx }", "() => { return x }"],
    ["() => { return /* a\nb */ x }", "() => { return x }"],
    ["function* f() { yield\nx }", "function* f() { yield x }"],
    ["() => { for (;;) { break\nx } }", "() => { for (;;) { break x } }"],
    ["() => { a\n++b }", "() => { a++\nb }"],
    ["() => { async\nfunction f() {} }", "() => { async function f() {} }"],
  ] as const;
  for (const [a, b] of different) assert.ok(!same(a, b), `${a} and ${b}`);
  const equal = [
    ["() => { return\n}", "() => { return }"],
    ["() => { return (\nx\n) }", "() => { return (x) }"],
    ["() => { x\n.return\n(y) }", "() => { x.return(y) }"],
    ["() => { for (;; i++\n) {} }", "() => { for (;; i++) {} }"],
    ["() => { if (a)\n++b; }", "() => { if (a) ++b; }"],
    ["() => `${i++\n} x`", "() => `${i++} x`"],
    ["f(\n  a,\n  b,\n)", "f(a, b)"],
    ["({ a, b, })", "({ a, b })"],
    ["[a, b,]", "[a, b]"],
  ] as const;
  for (const [a, b] of equal) assert.ok(same(a, b), `${a} and ${b}`);
  assert.ok(!same("[a,,]", "[a,]"), "a hole is an element");
  assert.ok(!same("[,]", "[]"));
});

test("a slash divides or begins a regular expression by what is before it", () => {
  assert.ok(same("a / b  / c", "a / b / c"));
  assert.ok(!same("x = / b  /", "x = / b /"));
  assert.ok(!same("if (x) /a  b/.test(y)", "if (x) /a b/.test(y)"));
  assert.ok(same("(x) / a  / b", "(x) / a / b"));
  assert.ok(!same("() => { {} /a  b/.test(y) }", "() => { {} /a b/.test(y) }"));
  assert.ok(!same("x => y / `a  b` / '  '", "x => y / `a b` / '  '"));
  assert.ok(!same("typeof /'  /", "typeof /' /"));
});

test("types count as little as the blanks that Node makes of them", () => {
  const typed = async (a: string, b?: Map<string, number>): Promise<unknown> => [a as unknown as "x", b];
  assert.ok(same(typed.toString(), "async (a, b) => [a, b]"));
});

test("a prompt that was edited only in its white space has another version", () => {
  const one = async (): Promise<string> => `Answer:
    briefly`;
  const two = async (): Promise<string> => `Answer:
  briefly`;
  assert.notEqual(codeVersionOf(one), codeVersionOf(two));
});

test("a function whose source cannot be read is refused, unless its version is given", () => {
  const bound = (async () => undefined).bind(undefined);
  const env = new TaskEnvironment({ name: "env" });
  assert.throws(
    () => env.task({ name: "t" }, bound),
    /task env\.t: the source of a bound or built-in function/,
  );
  assert.throws(() => trace("t", bound), /trace t: the source of a bound/);
  env.task({ name: "versioned", cache: { version: "1" } }, bound);
});
