/** Which code the command line of a task names. */

/** `tgz`: a gzipped tar, to be unpacked. `pkl`: a gzipped pickle, which stays as it is. */
export type BundleKind = "tgz" | "pkl";

export interface CodeBundle {
  readonly uri: string;
  readonly kind: BundleKind;
  /** Where its files belong: absolute, or relative to the working directory. */
  readonly destination: string;
}

/**
 * By the options of `a0` and `a0-ts`. Undefined where no code is sent with the run, and for what the SDKs do not send: both
 * kinds at once, no destination, an option twice or written with `=`.
 */
export function parseCodeBundle(args: readonly string[]): CodeBundle | undefined {
  // A value may look like the option of another one; the SDKs' own values never do.
  if (args.some((word) => /^--(?:tgz|pkl|dest)=/u.test(word))) return undefined;
  const tgz = valuesOf(args, "--tgz");
  const pkl = valuesOf(args, "--pkl");
  const [destination, ...others] = valuesOf(args, "--dest");
  const [uri, ...more] = [...tgz, ...pkl];
  if (!uri || !destination || more.length > 0 || others.length > 0) return undefined;
  return { uri, kind: tgz.length > 0 ? "tgz" : "pkl", destination };
}

function valuesOf(args: readonly string[], option: string): string[] {
  return args.flatMap((word, index) => (word === option ? [args[index + 1] ?? ""] : []));
}
