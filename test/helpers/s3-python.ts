/** Runs one function of a Python program that uses a stock S3 client against a server. */
import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { createVenv } from "../../scripts/python-env.ts";
import { ACCESS_KEY, BUCKET, SECRET_KEY, type S3Server } from "./s3-server.ts";

/** The packages of s3fs and of the command line need other versions of botocore. */
const REQUIREMENTS = {
  s3: ["obstore==0.12.1", "boto3==1.44.5"],
  "s3-fs": ["s3fs==2026.9.0", "aiobotocore==3.10.0"],
  "s3-cli": ["awscli==1.46.3"],
} as const satisfies Record<string, readonly string[]>;

/** The interpreter of an environment beside that of the SDK's tests, which has other packages. */
export function s3Python(name: keyof typeof REQUIREMENTS = "s3"): string {
  const shared = process.env["BOXKITE_TEST_VENV"];
  const directory =
    shared === undefined ? join(import.meta.dirname, `../../.cache/venv-${name}`) : `${shared}-${name}`;
  return createVenv(directory, REQUIREMENTS[name]);
}

/** Fails with the program's traceback. */
export async function runPython(
  server: S3Server,
  python: string,
  program: string,
  name: string,
  ...values: string[]
): Promise<string> {
  const { stdout } = await promisify(execFile)(python, [program, name, ...values], {
    env: {
      PATH: process.env["PATH"],
      S3_ENDPOINT: server.origin,
      S3_BUCKET: BUCKET,
      S3_ACCESS_KEY: ACCESS_KEY,
      S3_SECRET_KEY: SECRET_KEY,
    },
  });
  return stdout;
}
