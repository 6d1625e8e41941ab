/** Which runtimes `boxkite runtime fetch` is about. */
import { ARCHITECTURES, LIBCS, PYTHONS, VARIANTS, type Variant } from "../../domain/python-variant.ts";
import { invalidSetting, optionOf } from "../check-setting.ts";
import type { CommandInput } from "../command.ts";

/** Node's names for the architectures of this machine. */
const ARCHITECTURE_OF_NODE: Readonly<Record<string, string>> = { x64: "amd64", arm64: "arm64" };

/** Throws CONFIG_INVALID naming the option. */
export function chooseVariants(input: CommandInput, nodeArch: string): readonly Variant[] {
  const all = input.values["all"] === true;
  const pythons = chosen(input, "python", PYTHONS, PYTHONS);
  const libcs = chosen(input, "libc", LIBCS, all ? LIBCS : ["glibc"]);
  const own = ARCHITECTURE_OF_NODE[nodeArch];
  const architectures = chosen(
    input,
    "arch",
    ARCHITECTURES,
    all || own === undefined ? ARCHITECTURES : [own],
  );
  return VARIANTS.filter(
    ({ python, libc, arch }) =>
      pythons.includes(python) && libcs.includes(libc) && architectures.includes(arch),
  );
}

function chosen(
  input: CommandInput,
  name: string,
  known: readonly string[],
  usual: readonly string[],
): readonly string[] {
  const setting = optionOf(input, name);
  if (setting === undefined) return usual;
  if (known.includes(setting.value)) return [setting.value];
  throw invalidSetting(setting, `one of ${known.join(", ")}`);
}
