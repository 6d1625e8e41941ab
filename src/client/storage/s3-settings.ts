export interface S3Settings {
  readonly endpoint: URL;
  readonly region: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken: string | undefined;
}

/** Flyte's own variables first, as its Python SDK does, then those of the AWS tools. */
export function s3SettingsFrom(env: Readonly<Record<string, string | undefined>>): S3Settings {
  const region = env["AWS_REGION"] ?? env["AWS_DEFAULT_REGION"] ?? "us-east-1";
  const endpoint =
    env["FLYTE_AWS_ENDPOINT"] ??
    env["AWS_ENDPOINT_URL_S3"] ??
    env["AWS_ENDPOINT_URL"] ??
    `https://s3.${region}.amazonaws.com`;
  const accessKeyId = env["FLYTE_AWS_ACCESS_KEY_ID"] ?? env["AWS_ACCESS_KEY_ID"];
  const secretAccessKey = env["FLYTE_AWS_SECRET_ACCESS_KEY"] ?? env["AWS_SECRET_ACCESS_KEY"];
  if (accessKeyId === undefined || secretAccessKey === undefined) {
    throw new Error(
      "s3:// needs FLYTE_AWS_ACCESS_KEY_ID and FLYTE_AWS_SECRET_ACCESS_KEY (or the AWS_… ones)",
    );
  }
  return {
    endpoint: new URL(endpoint),
    region,
    accessKeyId,
    secretAccessKey,
    sessionToken: env["AWS_SESSION_TOKEN"],
  };
}
