/** Text of users on its way into a Containerfile and into the shell of its steps. */
import { BoxkiteError } from "../domain/errors.ts";

/** One shell word that stands for exactly this text. */
export function shellWord(text: string): string {
  if (/^[\w@%+=:,./-]+$/.test(text)) return text;
  return `'${text.replaceAll("'", `'\\''`)}'`;
}

/**
 * One shell word in which only these variables expand: a package address may name the variable that holds
 * its secret (`git+https://$TOKEN@…`), everything else in it means itself.
 */
export function shellWordWith(text: string, variables: readonly string[]): string {
  const names = variables.filter((name) => new RegExp(`\\$(${name}\\b|\\{${name}\\})`).test(text));
  if (names.length === 0) return shellWord(text);
  const kept = new RegExp(`\\$(?!(?:${names.join("|")})\\b|\\{(?:${names.join("|")})\\})`, "g");
  return `"${text.replace(/[\\"`]/g, "\\$&").replace(kept, "\\$$")}"`;
}

/** A value of ENV. `$NAME` expands and `\$` is a dollar sign, as in any Containerfile; the rest means itself. */
export function envValue(name: string, value: string): string {
  refuseLineBreak(value, `environment variable ${name}`);
  return `"${value.replace(/\\(?!\$)/g, "\\\\").replaceAll('"', '\\"')}"`;
}

/** Sources of COPY are patterns; a path of a user never is one. */
export function copyPattern(path: string): string {
  return path.replace(/[[*?]/g, "[$&]");
}

/** The arguments of COPY or ADD: plain where they can be, a JSON list where a space would split them. */
export function copyArguments(source: string, destination: string): string {
  refuseLineBreak(destination, `destination ${destination}`);
  const plain = [source, destination].every((path) => /^[^\s"'\\[]+$/.test(path));
  return plain ? `${source} ${destination}` : JSON.stringify([source, destination]);
}

export function refuseLineBreak(text: string, what: string): void {
  if (!/[\r\n\0]/.test(text)) return;
  throw new BoxkiteError("INVALID_ARGUMENT", `${what} holds a line break, which an image cannot keep`, {
    hint: "Put the text into a file and add it with .with_source_file(...).",
  });
}

/** Throws INVALID_ARGUMENT for what no image can hold as a name. */
export function envName(name: string): string {
  if (/^[A-Za-z_][A-Za-z0-9_.-]*$/.test(name)) return name;
  throw new BoxkiteError(
    "INVALID_ARGUMENT",
    `${JSON.stringify(name)} is not a name of an environment variable`,
  );
}
