import assert from "node:assert/strict";
import { test } from "node:test";
import { create } from "@bufbuild/protobuf";
import { z } from "zod";
import { declaredOver, differencesOf } from "./declared-interface.ts";
import { compileDeployed } from "./deployed-task.ts";
import { File } from "./file.ts";
import {
  compileInterface,
  compileReference,
  encodeInterface,
  type CompiledInterface,
  type InterfaceDeclaration,
} from "./interface.ts";
import { decodeInputs, decodeOutputs, encodeInputs, encodeOutputs } from "./values.ts";
import { TaskSpecSchema, type TaskSpec } from "../../wire/gen/flyteidl2/task/task_definition_pb.js";
import { encodeLiteral } from "../../wire/literals/encode.ts";

/** What a server has of a task with this interface. */
function deploy(declaration: InterfaceDeclaration, flavor = "typescript"): TaskSpec {
  const compiled = compileInterface("e.t", declaration);
  return create(TaskSpecSchema, {
    taskTemplate: { interface: encodeInterface(compiled), metadata: { runtime: { flavor } } },
    defaultInputs: compiled.inputs.flatMap(({ name, type, defaultValue }) =>
      defaultValue === undefined
        ? []
        : [
            {
              name,
              parameter: {
                behavior: { case: "default" as const, value: encodeLiteral(defaultValue.value, type, name) },
              },
            },
          ],
    ),
  });
}

function differences(declared: InterfaceDeclaration, spec: TaskSpec): string[] {
  return differencesOf(compileReference("e.t", declared), compileDeployed("e.t", spec), spec);
}

const Config = z.object({ depth: z.int(), at: z.date(), note: z.string().optional() });
const spec = deploy({
  inputs: { config: Config, times: z.int().default(2), label: z.string() },
  outputs: { result: z.object({ loss: z.number(), tags: z.array(z.string()).optional() }), file: File },
});
const inputs = { config: Config, label: z.string() };

test("what was declared is compared with what is deployed, field by field", () => {
  const loss = z.object({ loss: z.number() });
  assert.deepEqual(differences({ inputs, outputs: { result: loss, file: File } }, spec), []);
  assert.deepEqual(differences({ inputs, outputs: { result: z.object({ loss: z.string() }) } }, spec), [
    "output result.loss is number, declared as string",
  ]);
  assert.deepEqual(
    differences(
      { inputs, outputs: { result: z.object({ loss: z.number(), tags: z.array(z.string()) }) } },
      spec,
    ),
    ["output result.tags is optional list of string, declared as required list of string"],
  );
  const wrong = z.object({ depth: z.number(), note: z.string() });
  assert.deepEqual(
    differences({ inputs: { config: wrong, label: z.string().optional(), more: z.int() } }, spec),
    [
      "input config.at is string (date-time), and not declared",
      "input config.depth is integer, declared as number",
      "input label is required string, declared as optional",
      "it has no input more",
    ],
  );
  assert.deepEqual(differences({ inputs: { config: Config } }, spec), ["its input label is not declared"]);
});

test("a Python class writes its fields with defaults, too", () => {
  const output = z.object({ tags: z.array(z.string()).optional() });
  const python = deploy({ output }, "python");
  assert.deepEqual(differences({ output: z.object({ tags: z.array(z.string()) }) }, python), []);
});

function referenceTo(of: TaskSpec, declaration: InterfaceDeclaration): CompiledInterface {
  return declaredOver(compileReference("e.t", declaration), compileDeployed("e.t", of));
}

async function arrived(
  reference: CompiledInterface,
  made: InterfaceDeclaration,
  value: unknown,
): Promise<unknown> {
  return decodeOutputs("e.t", reference, await encodeOutputs("e.t", compileInterface("e.t", made), value));
}

test("outputs are validated when they arrive, by the declared schema", async () => {
  const made = { output: z.object({ loss: z.number(), at: z.string() }) };
  const declared = z.object({ loss: z.number().max(1), at: z.iso.datetime() });
  const reference = referenceTo(deploy(made), { output: declared });
  const good = { loss: 0.5, at: "2026-01-02T03:04:05Z" };
  assert.deepEqual(await arrived(reference, made, good), good);
  await assert.rejects(arrived(reference, made, { loss: 7, at: "yesterday" }), {
    name: "ValueError",
    message:
      /^e\.t, output o0 is not what was declared: loss: Too big: [^;]*; it is 7; at: Invalid [^;]*; it is "yesterday"$/,
  });
});

test("a schema that transforms is given what arrives", async () => {
  const made = { output: z.object({ at: z.string() }) };
  const declared = z.object({ at: z.string().transform((text) => text.length), more: z.int().default(3) });
  const reference = referenceTo(deploy(made), { output: declared });
  assert.deepEqual(await arrived(reference, made, { at: "four" }), { at: 4, more: 3 });
});

test("without a declaration values are checked by the deployed interface, in depth", async () => {
  const deployed = compileDeployed("e.t", spec);
  const config = { depth: 1, at: new Date(0) };
  await encodeInputs("e.t", deployed, { config, label: "x" });
  const refused: readonly (readonly [unknown, RegExp])[] = [
    [{ ...config, depth: "1" }, /^e\.t, input config\.depth: expected integer, got "1"$/],
    [{ depth: 1 }, /^e\.t, input config\.at: expected string \(date-time\), got nothing$/],
    [{ ...config, at: "soon" }, /^e\.t, input config\.at: expected string \(date-time\), got "soon"$/],
    [{ ...config, note: 5 }, /^e\.t, input config\.note: expected string, got 5$/],
    [[], /^e\.t, input config: expected TConfig, got an array of 0$/],
  ];
  for (const [value, message] of refused)
    await assert.rejects(encodeInputs("e.t", deployed, { config: value, label: "x" }), {
      name: "ValueError",
      message,
    });
  const loose = { outputs: { result: z.unknown(), file: File } };
  const returned = { result: { loss: "low" }, file: new File("s3://b/k") };
  await assert.rejects(arrived(deployed, loose, returned), {
    message: /^e\.t, output result\.loss: expected number, got "low"$/,
  });
});

test("inputs are sent as the deployed task declares them, and its defaults apply", async () => {
  const callee = compileInterface("e.t", {
    inputs: { n: z.int().default(2), rate: z.number(), maybe: z.string().nullable() },
  });
  const of = deploy({ inputs: { n: z.int().default(2), rate: z.number(), maybe: z.string().nullable() } });
  const reference = referenceTo(of, {
    inputs: { n: z.int().optional(), rate: z.number(), maybe: z.string().optional() },
  });
  const sent = await encodeInputs("e.t", reference, { rate: 1 });
  assert.deepEqual(await decodeInputs("e.t", callee, sent), { n: 2, rate: 1, maybe: null });
  const same = await encodeInputs("e.t", compileDeployed("e.t", of), { rate: 1, maybe: null });
  assert.deepEqual(sent.literals, same.literals, "with and without a declaration");
  await assert.rejects(encodeInputs("e.t", reference, { n: "x", rate: 1 }), { message: /^e\.t, input n: / });
});

test("inside of lists and unions, and for times, the place is named, too", async () => {
  const Shape = z.discriminatedUnion("kind", [
    z.object({ kind: z.literal("circle"), r: z.number() }),
    z.object({ kind: z.literal("square"), side: z.int() }),
  ]);
  const of = compileDeployed(
    "e.t",
    deploy({
      inputs: {
        shapes: z.array(Shape),
        maybe: z.object({ n: z.int() }).nullable(),
        times: z.array(z.date()),
      },
    }),
  );
  const good = { shapes: [{ kind: "square", side: 1 }], maybe: null, times: [new Date(0)] };
  await encodeInputs("e.t", of, good);
  const refused: readonly (readonly [object, RegExp])[] = [
    [{ shapes: [{ kind: "square", side: "1" }] }, /^e\.t, input shapes\[0\]/],
    [{ shapes: [{ kind: "circle", side: 1 }] }, /^e\.t, input shapes\[0\]/],
    [{ maybe: { n: "1" } }, /^e\.t, input maybe/],
    [{ times: ["soon"] }, /^e\.t, input times\[0\]: "soon" is not an ISO 8601 date and time/],
    [{ times: [new Date(Number.NaN)] }, /^e\.t, input times\[0\]: the Date is invalid/],
  ];
  for (const [change, message] of refused)
    await assert.rejects(encodeInputs("e.t", of, { ...good, ...change }), { name: "ValueError", message });
});
