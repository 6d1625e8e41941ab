/** The builds of Python that there is a runtime for: a wheel with native code fits one of them only. */
export const PYTHONS = ["3.10", "3.11", "3.12", "3.13", "3.14"] as const;
export const LIBCS = ["glibc", "musl"] as const;
/** As image platforms name them. */
export const ARCHITECTURES = ["amd64", "arm64"] as const;

export interface Variant {
  readonly python: (typeof PYTHONS)[number];
  readonly libc: (typeof LIBCS)[number];
  readonly arch: (typeof ARCHITECTURES)[number];
}

export const VARIANTS: readonly Variant[] = PYTHONS.flatMap((python) =>
  LIBCS.flatMap((libc) => ARCHITECTURES.map((arch) => ({ python, libc, arch }))),
);

/** Such as `cp311-musl-arm64`; it names files and directories. */
export function variantName({ python, libc, arch }: Variant): string {
  return `cp${python.replace(".", "")}-${libc}-${arch}`;
}

/** As people read it. */
export function variantText({ python, libc, arch }: Variant): string {
  return `Python ${python}, ${libc}, ${arch}`;
}

/** What is known of an interpreter in an image. */
export interface Interpreter {
  /** The absolute path inside the image. */
  readonly path: string;
  /** Such as "3.11.7". */
  readonly version: string;
  /** Which one of its kind it is: see PythonFacts. @default "cpython" */
  readonly build?: string | undefined;
  readonly libc: string;
  readonly arch: string;
}

/** Undefined where there can be no runtime for it. */
export function variantOf(interpreter: Interpreter): Variant | undefined {
  const { version, build = "cpython", libc, arch } = interpreter;
  if (build !== "cpython") return undefined;
  const minor = version.split(".", 2).join(".");
  return VARIANTS.find((each) => each.python === minor && each.libc === libc && each.arch === arch);
}
