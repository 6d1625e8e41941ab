/** Facts of images for tests: a plain image that runs Python tasks, and what differs from it. */
import type {
  ContainerFacts,
  ImageConfigFacts,
  ImageFacts,
  PythonFacts,
} from "../../src/domain/image-facts.ts";

export const PYTHON: PythonFacts = {
  path: "/usr/local/bin/python",
  version: "3.11.7",
  libc: "glibc 2.36",
  architecture: "x86_64",
  prefix: "/usr/local",
  basePrefix: "/usr/local",
  hasA0: true,
  packages: { flyte: "2.12.1", pip: "23.2.1" },
};

/** The same without flyte, as the official images have it. */
export const BARE_PYTHON: PythonFacts = { ...PYTHON, hasA0: false, packages: { pip: "23.2.1" } };

export const CONTAINER: ContainerFacts = {
  shell: true,
  complete: true,
  entrypoint: "none",
  user: { uid: 0, gid: 0, name: "root" },
  home: { path: "/root", writable: true },
  workdir: { path: "/app", writable: true },
  path: "/usr/local/bin:/usr/bin:/bin",
  env: {},
  programs: { a0: "/usr/local/bin/a0", tar: "/usr/bin/tar", "apt-get": "/usr/bin/apt-get" },
  pythons: [PYTHON],
  a0Interpreter: "/usr/local/bin/python",
  caBundle: "/etc/ssl/certs/ca-certificates.crt",
  libc: "glibc",
  os: "debian 12",
  cuda: [],
};

const CONFIG: ImageConfigFacts = {
  user: "",
  workdir: "/app",
  entrypoint: [],
  cmd: ["python3"],
  env: {},
  volumes: [],
  stopSignal: "",
  healthcheck: false,
};

export function imageFacts(
  container: Partial<ContainerFacts> = {},
  config: Partial<ImageConfigFacts> = {},
): ImageFacts {
  return {
    platform: "linux/amd64",
    platforms: ["linux/amd64"],
    sizeBytes: 123_000_000,
    layers: [{ digest: `sha256:${"5".repeat(64)}`, sizeBytes: 123_000_000, compression: "gzip" }],
    config: { ...CONFIG, ...config },
    // A whole container stays as it is: what it lacks must not come from the plain one.
    container:
      "pythons" in container && "programs" in container && "path" in container
        ? (container as ContainerFacts)
        : { ...CONTAINER, ...container },
  };
}

/** Without what only a Python image has. */
export function withoutPython(container: Partial<ContainerFacts>): ContainerFacts {
  const { a0Interpreter: _none, ...rest } = CONTAINER;
  return { ...rest, pythons: [], programs: { tar: "/usr/bin/tar" }, ...container };
}
