/** Lines for a Dockerfile, and calls of the SDK, that mend what a check finds. */
import { posix } from "node:path";
import type { PythonFacts } from "../../domain/image-facts.ts";
import type { Subject } from "./subject.ts";
import { TESTED_FLYTE } from "./versions.ts";

/** By pip where the interpreter has it, else by uv, which needs nothing of the image. */
export function installFlyte({ container }: Subject, { path, packages, prefix }: PythonFacts): string {
  // Debian and Ubuntu refuse to install beside their own packages.
  const isSystem = prefix === "/usr" && /^(debian|ubuntu)\b/u.test(container.os ?? "");
  const flags = isSystem ? "--break-system-packages " : "";
  const install =
    packages["pip"] === undefined
      ? `--mount=from=ghcr.io/astral-sh/uv,source=/uv,target=/bin/uv uv pip install --python ${path} ${flags}flyte==${TESTED_FLYTE}`
      : `${path} -m pip install ${flags}flyte==${TESTED_FLYTE}`;
  const folder = posix.dirname(path);
  const isOnPath = container.path.split(":").includes(folder) || isSystem;
  return `RUN ${install}${isOnPath ? "" : ` && ln -s ${folder}/a0 /usr/local/bin/a0`}`;
}

export function extendInSdk({ reference }: Subject, packages: string): string {
  return `flyte.Image.from_base(${JSON.stringify(reference)}).clone(name="NAME", registry="REGISTRY", extendable=True).with_pip_packages(${JSON.stringify(packages)})`;
}

/** Where the code that is sent with a run can be unpacked. */
export function writableWorkdir(workdir: string, { container }: Subject): string {
  // Nobody should own these.
  if (["/", "/root", "/usr", "/etc", "/home"].includes(workdir)) return "WORKDIR /tmp";
  const { uid, gid } = container.user ?? { uid: 0, gid: 0 };
  return `RUN chown ${uid}:${gid} ${workdir}`;
}

export function installPython({ container }: Subject): string {
  const { programs } = container;
  if (programs["apk"] !== undefined) return "RUN apk add --no-cache python3 py3-pip";
  if (programs["dnf"] !== undefined) return "RUN dnf install -y python3.11 python3.11-pip";
  if (programs["apt-get"] !== undefined)
    return "RUN apt-get update && apt-get install -y python3 python3-pip python-is-python3";
  return "COPY --from=docker.io/library/python:3.11-slim /usr/local /usr/local";
}

export function installTar({ container }: Subject): string {
  const { programs } = container;
  if (programs["apk"] !== undefined) return "RUN apk add --no-cache tar";
  if (programs["dnf"] !== undefined) return "RUN dnf install -y tar";
  if (programs["apt-get"] !== undefined) return "RUN apt-get update && apt-get install -y tar";
  return "COPY --from=docker.io/library/busybox:stable-musl /bin/busybox /bin/tar";
}

export function installAuthorities({ container }: Subject): string {
  const { programs } = container;
  if (programs["apk"] !== undefined) return "RUN apk add --no-cache ca-certificates";
  if (programs["dnf"] !== undefined) return "RUN dnf install -y ca-certificates";
  if (programs["apt-get"] !== undefined) return "RUN apt-get update && apt-get install -y ca-certificates";
  const bundle = "/etc/ssl/certs/ca-certificates.crt";
  return `COPY --from=docker.io/library/python:3.11-slim ${bundle} ${bundle}`;
}
