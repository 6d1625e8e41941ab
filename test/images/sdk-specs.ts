/** Specifications and contexts as the stock SDK makes them: test/images/sdk_specs.py runs in a venv with it. */
import { execFile } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { createVenv } from "../../scripts/python-env.ts";

const FLYTE = "flyte==2.12.1";
/** The SDK calls it to look into uv projects. */
const UV = "uv==0.13.4";

export interface SdkSpec {
  readonly spec: Uint8Array;
  readonly context: string | undefined;
  /** `name:hash` */
  readonly target: string;
}

export interface SdkSpecs {
  readonly wheel: { readonly name: string; readonly bytes: Buffer };
  of(base: number, name: string): SdkSpec;
  other(name: "debian" | "pixi"): SdkSpec;
  /** What the SDK says to `from_dockerfile` with a remote builder. */
  readonly dockerfileRefusal: string;
}

export async function makeSdkSpecs(
  folder: string,
  index: string,
  bases: readonly string[],
): Promise<SdkSpecs> {
  const python = createVenv(process.env["BOXKITE_TEST_VENV"] ?? ".cache/venv-flyte", [FLYTE, UV]);
  if (!existsSync(join(dirname(python), "uv"))) {
    await promisify(execFile)(python, ["-m", "pip", "install", "--quiet", UV]);
  }
  await promisify(execFile)(python, [join(import.meta.dirname, "sdk_specs.py"), folder, index, ...bases]);
  const name = "boxkite_test_wheel-1.0-py3-none-any.whl";
  const read = (...path: string[]): SdkSpec => {
    const at = join(folder, ...path);
    const context = join(at, "context.tar.gz");
    return {
      spec: readFileSync(join(at, "spec.pb")),
      context: existsSync(context) ? context : undefined,
      target: readFileSync(join(at, "target"), "utf8"),
    };
  };
  return {
    wheel: { name, bytes: readFileSync(join(folder, "sources/dist", name)) },
    of: (base, case_) => read(String(base), case_),
    other: (case_) => read(case_),
    dockerfileRefusal: readFileSync(join(folder, "dockerfile-refused"), "utf8"),
  };
}
