/** Renders RUN with the mounts of its script: certificates, a download cache, uploaded files, secrets. */
import { BoxkiteError } from "../domain/errors.ts";
import { CA_FILE } from "../images/certificates.ts";
import { type SecretMount, secretId } from "../images/image-spec.ts";
import { envName } from "./quoting.ts";

/** The build secret by which certificate authorities are passed to the steps. */
export const CA_SECRET_ID = "boxkite-ca";

export interface RunNeeds {
  readonly secrets?: readonly SecretMount[];
  /** A path of the build context, from createInputs. */
  readonly input?: string | undefined;
  /** Whether to mount the download cache. */
  readonly cache?: boolean;
}

export interface RunSupport {
  /** Whether the builder supports `RUN --mount`. */
  readonly mounts: boolean;
  /** Whether steps may use the cache of downloads. @default true */
  readonly downloadCache?: boolean;
  /** Whether the builder passes certificate authorities to the steps, as the secret `CA_SECRET_ID`. */
  readonly certificates: boolean;
}

/** A user's command is a string, a script of Boxkite a list of lines. Throws IMAGE_BUILDER_TOO_OLD; `title` names the layer. */
export function runInstruction(
  script: string | readonly string[],
  { secrets = [], input, cache = false }: RunNeeds,
  { mounts, downloadCache = true, certificates }: RunSupport,
  title: string,
): string {
  if (!mounts && (secrets.length > 0 || input !== undefined)) {
    throw new BoxkiteError(
      "IMAGE_BUILDER_TOO_OLD",
      `${title} needs RUN --mount, which this builder does not have`,
      { hint: "Install Docker's buildx plug-in, or use Podman: boxkite up --engine podman" },
    );
  }
  const flags = [
    ...(certificates ? [`--mount=type=secret,id=${CA_SECRET_ID},target=${CA_FILE},mode=0444`] : []),
    ...(mounts && cache && downloadCache
      ? [`--mount=type=cache,id=${cacheId(secrets)},target=/run/boxkite/cache`]
      : []),
    ...(input === undefined ? [] : [`--mount=type=bind,source=${input},target=/run/boxkite/input`]),
    ...secrets.map(secretMount),
  ];
  const exports = secrets.flatMap((secret) =>
    secret.variable === undefined
      ? []
      : [`export ${envName(secret.variable)}="$(cat /run/boxkite/secret-${secretId(secret)})";`],
  );
  const body =
    typeof script === "string" ? userScript(exports, script) : [...exports, ...script].join(" \\\n    ");
  return `RUN ${[...flags, body].join(" \\\n    ")}`;
}

function secretMount(secret: SecretMount): string {
  const id = secretId(secret);
  // The first is ours, the others are no names of files.
  if ([CA_SECRET_ID, ".", ".."].includes(id)) {
    throw new BoxkiteError("INVALID_ARGUMENT", `a secret cannot have the name ${id}`, {
      hint: "name it otherwise in flyte.Secret(...)",
    });
  }
  const file = secret.variable === undefined ? `/etc/flyte/secrets/${id}` : `/run/boxkite/secret-${id}`;
  return `--mount=type=secret,id=${id},target=${file},mode=0444`;
}

/**
 * A command of the user, unchanged. Text that a Containerfile would parse differently from a shell (several
 * lines, a here-document, a leading bracket or flag) is passed as a JSON string.
 */
function userScript(exports: readonly string[], command: string): string {
  const script = [...exports, command].join(" ");
  const plain = !/[\r\n]|<<|\\$|^\s*(\[|--)/.test(script);
  return plain ? script : JSON.stringify(["/bin/sh", "-c", script]);
}

/**
 * The cache is shared only by steps with the same secrets: what one step downloaded with a password is not
 * available to a step without it.
 */
function cacheId(secrets: readonly SecretMount[]): string {
  return ["boxkite-python", ...new Set(secrets.map(secretId).toSorted())].join("+");
}
