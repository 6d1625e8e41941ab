/** Runs one function of a Python program that uses a stock S3 client against a server. */
import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { createVenv } from "../../scripts/python-env.ts";
import { ACCESS_KEY, BUCKET, SECRET_KEY, type S3Server } from "./s3-server.ts";

const REQUIREMENTS = ["obstore==0.12.1", "boto3==1.44.5"];

/** Beside the environment of the SDK's tests, which has other packages. */
export function s3Python(): string {
  const shared = process.env["BOXKITE_TEST_VENV"];
  const directory = shared === undefined ? join(import.meta.dirname, "../../.cache/venv-s3") : `${shared}-s3`;
  return createVenv(directory, REQUIREMENTS);
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
