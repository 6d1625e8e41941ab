/** Commands with verbs, such as `images ls`: which verb is meant, and whether it has the options that are given. */
import { BoxkiteError } from "../domain/errors.ts";
import { ownValue } from "../domain/own-value.ts";
import type { CommandInput } from "./command.ts";

/** Of all verbs: they say which server is meant. */
const COMMON: readonly string[] = ["data", "config"];

/** The first argument is the verb, the second a name. Throws CONFIG_INVALID. */
export function verbOf<Verb extends string>(
  { positionals, values }: CommandInput,
  command: string,
  verbs: Readonly<Record<Verb, readonly string[]>>,
  usual: NoInfer<Verb>,
): { readonly verb: Verb; readonly name: string | undefined } {
  const [verb = usual, name] = positionals;
  const known = ownValue<readonly string[]>(verbs, verb);
  const stray = Object.keys(values).find((option) => !COMMON.includes(option) && !known?.includes(option));
  if (known !== undefined && stray === undefined) return { verb: verb as Verb, name };
  throw new BoxkiteError(
    "CONFIG_INVALID",
    known === undefined
      ? `there is no verb ${JSON.stringify(verb)}`
      : `--${stray} means nothing to ${command} ${verb}`,
    { hint: `boxkite ${command} --help` },
  );
}
