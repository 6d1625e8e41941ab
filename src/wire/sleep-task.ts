/** Sleeps (`flyte.extras.Sleep`) as they are sent: one input of type duration under any name, and no outputs. */
import { BoxkiteError } from "../domain/errors.ts";
import type { TaskTemplate } from "./gen/flyteidl2/core/tasks_pb.js";
import { SimpleType } from "./gen/flyteidl2/core/types_pb.js";
import type { Inputs } from "./gen/flyteidl2/task/common_pb.js";
import { decodeDelay } from "./time.ts";

const HINT = "give it one parameter, of the type datetime.timedelta, and let it return None";

/** Throws INVALID_ARGUMENT in the author's words. `subject`: for example "task team.pause". */
export function requireSleepShape({ interface: types }: TaskTemplate, subject: string): void {
  const inputs = types?.inputs?.variables ?? [];
  const outputs = types?.outputs?.variables ?? [];
  const [input] = inputs;
  if (input === undefined || inputs.length > 1)
    throw wrong(subject, inputs.length === 0 ? "no input" : `${inputs.length} inputs: ${names(inputs)}`);
  const { type } = input.value?.type ?? {};
  if (type?.case !== "simple" || type.value !== SimpleType.DURATION)
    throw wrong(subject, `an input ${input.key} that is no duration`);
  if (outputs.length > 0) throw wrong(subject, `outputs: ${names(outputs)}`);
}

/** How long it sleeps, in whole milliseconds, rounded up. Throws INVALID_ARGUMENT. */
export function decodeSleep({ literals }: Inputs, subject: string): number {
  const [input] = literals;
  if (input === undefined || literals.length > 1)
    throw new BoxkiteError(
      "INVALID_ARGUMENT",
      `${subject} is a sleep, and was called with ${literals.length === 0 ? "no input" : `${literals.length} inputs: ${names(literals)}`}`,
      { hint: "call it with one datetime.timedelta: how long it sleeps" },
    );
  const { value } = input.value ?? {};
  const scalar = value?.case === "scalar" ? value.value.value : undefined;
  const primitive = scalar?.case === "primitive" ? scalar.value.value : undefined;
  if (primitive?.case === "duration")
    return decodeDelay(primitive.value, `input ${input.name} of ${subject}`);
  throw new BoxkiteError("INVALID_ARGUMENT", `input ${input.name} of ${subject}, a sleep, is no duration`, {
    hint: "call it with a datetime.timedelta",
  });
}

function wrong(subject: string, has: string): BoxkiteError {
  return new BoxkiteError("INVALID_ARGUMENT", `${subject} is a sleep (flyte.extras.Sleep), and has ${has}`, {
    hint: HINT,
  });
}

function names(all: readonly ({ readonly key: string } | { readonly name: string })[]): string {
  return all.map((one) => ("key" in one ? one.key : one.name)).join(", ");
}
