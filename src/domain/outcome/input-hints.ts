/** Errors that come from a task whose loaded code has other inputs than the run. */
import type { Facts } from "./facts.ts";
import { SEND_CODE, type ErrorText, type HintRow } from "./hint-row.ts";

export const INPUT_HINTS: readonly HintRow[] = [
  {
    name: "an input that the loaded code does not know",
    hint: (error, { program, image, isContainer }) => {
      const input = unknownInput(error, program);
      if (input === undefined) return undefined;
      const code =
        program.code === "baked"
          ? `the code in ${isContainer ? image.reference : "this machine's environment"} is older than that of this run, or another one: ${isContainer ? "rebuild and push the image" : "update it"}, or run ${SEND_CODE}`
          : `the code that was loaded is another one than this run was made from: is there a second copy of the module ${program.module ?? ""} on the PYTHONPATH?`;
      return `${input}; ${code}`;
    },
  },
];

/** In the words of flyte's conversion of inputs, and of Python's calls. Undefined where it is about something else. */
function unknownInput({ code, message }: ErrorText, program: Facts["program"]): string | undefined {
  const { inputs, entity } = program;
  const given = inputs.length === 0 ? "" : `, which are ${inputs.join(", ")}`;
  const [, received, allowed] =
    /Received more input values (\d+) than allowed by the input spec (\d+)/u.exec(message) ?? [];
  if (received !== undefined)
    return `the run has ${received} inputs${given}, and the task as it was loaded takes ${allowed}`;
  const [, named] = /^'([^']+)'$/u.exec(message) ?? [];
  if (code === "KeyError" && named !== undefined && inputs.includes(named))
    return `the task as it was loaded has no input ${named}`;
  const [, called, unexpected] =
    /\b(\w+)\(\) got an unexpected keyword argument '([^']+)'/u.exec(message) ?? [];
  if (unexpected !== undefined && called === entity && inputs.includes(unexpected))
    return `the task as it was loaded has no input ${unexpected}`;
  const [, wanting, missing] =
    /\b(\w+)\(\) missing \d+ required (?:positional|keyword-only) arguments?: (.+)/u.exec(message) ?? [];
  if (missing !== undefined && wanting === entity)
    return `the task as it was loaded also wants the input ${missing.replaceAll("'", "")}`;
  return undefined;
}
