/**
 * The kinds of images that teams bring, and what is expected of each: of the check, of a run, and of Flyte 2. The test holds
 * the first two to what it sees; scripts/gen-docs.ts makes the table of docs/image-matrix.md of them.
 */
import { BASES } from "../engine.ts";

export interface Kind {
  /** Part of an image's name, and with underscores of a task's. */
  readonly name: string;
  readonly what: string;
  /** What it stands for, where the image is only like it. */
  readonly standInFor?: string;
  readonly image: ImageSource;
  /** `pod_template` of its environment; see SETTINGS. */
  readonly podTemplate?: string;
  readonly expected: Expected;
  /** What Flyte 2 does with such an image, by its source code. */
  readonly flyte: string;
}

export interface Expected {
  /** `as_is`, `adapted: …` with the adaptations, `cannot: …` or `unchecked: …` with the codes of the findings. */
  readonly verdict: string;
  /** With nothing adapted. */
  readonly strictVerdict: string;
  /** Codes of the findings that limit what runs. */
  readonly limits?: readonly string[];
  /** Codes of notes that the check must have; others may be there, too. */
  readonly notes?: readonly string[];
  /** `runs`, or the code of the error that the user gets. */
  readonly run: string;
  readonly strictRun: string;
}

export type ImageSource =
  /** Built, and used from the engine. */
  | {
      readonly kind: "built";
      readonly containerfile: string;
      readonly platform?: string;
      /** To be free where the engine builds. @default not checked */
      readonly freeGib?: number;
    }
  /** Built, pushed to a registry with these options, and removed from the engine. */
  | {
      readonly kind: "pushed";
      readonly containerfile: string;
      readonly platform?: string;
      readonly options?: readonly string[];
      /** Whether the tag is an index that lists provenance beside the image. */
      readonly withAttestation?: true;
    }
  | { readonly kind: "missing" }
  | { readonly kind: "private" }
  /** This machine cannot make it. */
  | { readonly kind: "none"; readonly because: string };

/** Of the server that runs the tasks. */
export const SETTINGS = "pod-templates:\n  closed:\n    read-only-root: true\n";

const { python311: PYTHON, python310: OLDER_PYTHON, conda: CONDA } = BASES;
const DEBIAN = "docker.io/library/debian:12-slim";
const FLYTE = "ghcr.io/flyteorg/flyte:py3.11-v2.12.1";
const NODE = "docker.io/library/node:24-slim";

const built = (...lines: readonly string[]): ImageSource => ({
  kind: "built",
  containerfile: lines.join("\n"),
});
const script = (path: string, ...lines: readonly string[]) =>
  `RUN printf '%s\\n' ${["#!/bin/sh", ...lines].map((line) => `'${line}'`).join(" ")} >${path} && chmod 755 ${path}`;

/** CPython and the libraries that it is linked with, from a Debian image. */
const COPIED_PYTHON = [
  `FROM ${PYTHON} AS python`,
  "FROM scratch",
  "COPY --from=python /usr/local/bin /usr/local/bin",
  "COPY --from=python /usr/local/lib /usr/local/lib",
  "COPY --from=python /lib/x86_64-linux-gnu /lib/x86_64-linux-gnu",
  "COPY --from=python /lib64/ld-linux-x86-64.so.2 /lib64/ld-linux-x86-64.so.2",
  "ENV PATH=/usr/local/bin LD_LIBRARY_PATH=/usr/local/lib",
];

const NO_A0 = "the container cannot start, a0 is not on PATH; the system is blamed, and it is retried";

/** Flyte is mounted, and the code put into WORKDIR. */
const WITHOUT_FLYTE = {
  verdict: "adapted: runtime",
  strictVerdict: "cannot: FLYTE_MISSING",
  run: "runs",
  strictRun: "IMAGE_CANNOT_RUN",
} as const satisfies Expected;
const WITH_FLYTE = {
  verdict: "as_is",
  strictVerdict: "as_is",
  run: "runs",
  strictRun: "runs",
} as const satisfies Expected;
const WITHOUT_PYTHON = {
  verdict: "cannot: NO_INTERPRETER",
  strictVerdict: "cannot: NO_INTERPRETER",
  run: "IMAGE_CANNOT_RUN",
  strictRun: "IMAGE_CANNOT_RUN",
} as const satisfies Expected;

/** In the order in which they are shown. */
export const KINDS: readonly Kind[] = [
  {
    name: "flyte",
    what: "flyte 2.12.1 in an environment on PATH",
    standInFor: "Flyte's own image",
    image: built(`FROM ${FLYTE}`),
    expected: WITH_FLYTE,
    flyte: "it runs",
  },
  {
    name: "python-slim",
    what: "python:3.11-slim",
    image: built(`FROM ${PYTHON}`),
    expected: WITHOUT_FLYTE,
    flyte: NO_A0,
  },
  {
    name: "venv-off-path",
    what: "flyte in /opt/venv, which is not on PATH",
    image: built(`FROM ${FLYTE}`, "ENV PATH=/usr/local/bin:/usr/bin:/bin VIRTUAL_ENV="),
    expected: {
      verdict: "adapted: interpreter",
      strictVerdict: "cannot: A0_NOT_ON_PATH",
      run: "runs",
      strictRun: "ENTRYPOINT_NOT_FOUND",
    },
    flyte: NO_A0,
  },
  {
    name: "conda",
    what: "conda at /opt/conda",
    standInFor: "miniconda: CPython copied there",
    image: built(`FROM ${CONDA}`),
    expected: WITHOUT_FLYTE,
    flyte: NO_A0,
  },
  {
    name: "debian-python",
    what: "Debian 12 with its own python3",
    image: built(
      `FROM ${DEBIAN}`,
      "RUN apt-get update -qq && apt-get install -y -qq --no-install-recommends python3 >/dev/null && rm -r /var/lib/apt/lists/*",
    ),
    expected: WITHOUT_FLYTE,
    flyte: NO_A0,
  },
  {
    name: "alpine",
    what: "Alpine, with musl",
    image: {
      kind: "none",
      because:
        "its registry is out of reach here, and a CPython for musl takes longer to build than the test",
    },
    expected: WITHOUT_FLYTE,
    flyte: NO_A0,
  },
  {
    name: "distroless",
    what: "no shell, no tar, python as ENTRYPOINT",
    standInFor: "distroless: CPython and its libraries copied to scratch",
    image: built(...COPIED_PYTHON, "USER 65532", "WORKDIR /app", 'ENTRYPOINT ["/usr/local/bin/python3"]'),
    expected: {
      verdict: "adapted: runtime, entrypoint, code",
      strictVerdict: "cannot: FLYTE_MISSING, ENTRYPOINT_SWALLOWS",
      limits: ["TAR_MISSING"],
      notes: ["CA_BUNDLE_MISSING", "SHELL_MISSING", "USER_WITHOUT_NAME"],
      run: "runs",
      strictRun: "ENTRYPOINT_FAILED",
    },
    flyte: "python is given a0 as its script, and ends with code 2; the system is blamed",
  },
  {
    name: "minimal-non-root",
    what: "a small base with a shell, no tar, and a user of its own",
    standInFor: "Wolfi",
    image: built(
      ...COPIED_PYTHON,
      "COPY --from=python /bin/sh /bin/sh",
      "COPY --from=python --chown=65532:65532 /srv /home/nonroot",
      `RUN echo 'nonroot:x:65532:65532::/home/nonroot:/bin/sh' >>/etc/passwd`,
      "USER nonroot",
      "WORKDIR /home/nonroot",
    ),
    expected: {
      ...WITHOUT_FLYTE,
      verdict: "adapted: runtime, code",
      limits: ["TAR_MISSING"],
      notes: ["CA_BUNDLE_MISSING"],
    },
    flyte: NO_A0,
  },
  {
    name: "unwritable-workdir",
    what: "flyte, a user other than root, and a WORKDIR of root",
    image: built(`FROM ${FLYTE}`, "RUN mkdir /app", "WORKDIR /app", "USER flyte"),
    expected: {
      verdict: "adapted: code",
      strictVerdict: "as_is",
      limits: ["WORKDIR_NOT_WRITABLE"],
      run: "runs",
      strictRun: "PermissionError",
    },
    flyte: "PermissionError when the code is unpacked",
  },
  {
    name: "user-without-name",
    what: "flyte, and a USER without an entry in /etc/passwd",
    image: built(`FROM ${FLYTE}`, "RUN mkdir /work && chown 4242 /work", "WORKDIR /work", "USER 4242:17"),
    expected: { ...WITH_FLYTE, notes: ["USER_WITHOUT_NAME"] },
    flyte: "it runs",
  },
  {
    name: "read-only-root",
    what: "python:3.11-slim with a read-only root",
    image: built(`FROM ${PYTHON}`, "WORKDIR /app"),
    podTemplate: "closed",
    expected: WITHOUT_FLYTE,
    flyte: `${NO_A0}; with flyte in it, OSError when the code is unpacked`,
  },
  {
    name: "entrypoint-swallows",
    what: "flyte, and an ENTRYPOINT that swallows its arguments",
    image: built(`FROM ${FLYTE}`, 'ENTRYPOINT ["python"]'),
    expected: {
      verdict: "adapted: entrypoint",
      strictVerdict: "cannot: ENTRYPOINT_SWALLOWS",
      run: "runs",
      strictRun: "ENTRYPOINT_FAILED",
    },
    flyte: "python is given a0 as its script, and ends with code 2; the system is blamed",
  },
  {
    name: "entrypoint-passes",
    what: "flyte, and an ENTRYPOINT script that executes its arguments",
    image: built(
      `FROM ${FLYTE}`,
      script("/entry.sh", "export FROM_ENTRYPOINT=yes", 'exec "$@"'),
      'ENTRYPOINT ["/entry.sh"]',
    ),
    expected: WITH_FLYTE,
    flyte: "it runs",
  },
  {
    name: "cuda-banner",
    what: "CUDA, and an ENTRYPOINT that prints a banner first",
    standInFor: "nvidia/cuda: its variables and the form of its script",
    image: built(
      `FROM ${PYTHON}`,
      "ENV CUDA_VERSION=12.4.1 NVIDIA_VISIBLE_DEVICES=all",
      script("/opt/entrypoint.sh", "echo == CUDA ==", "echo Container image Copyright", 'exec "$@"'),
      'ENTRYPOINT ["/opt/entrypoint.sh"]',
    ),
    expected: { ...WITHOUT_FLYTE, notes: ["CUDA_WITHOUT_DRIVER"] },
    flyte: NO_A0,
  },
  {
    name: "server-like",
    what: "ENTRYPOINT, HEALTHCHECK, STOPSIGNAL, and a VOLUME at WORKDIR",
    image: built(
      `FROM ${PYTHON}`,
      "WORKDIR /data",
      script("/entry.sh", 'exec "$@"'),
      'ENTRYPOINT ["/entry.sh"]',
      "HEALTHCHECK CMD false",
      "STOPSIGNAL SIGINT",
      'VOLUME ["/data", "/cache"]',
    ),
    expected: WITHOUT_FLYTE,
    flyte: NO_A0,
  },
  {
    name: "flyte-2-0",
    what: "flyte 2.0",
    image: built(`FROM ${FLYTE}`, "RUN /opt/venv/bin/pip install -q --no-cache-dir flyte==2.0.9"),
    expected: {
      verdict: "cannot: FLYTE_TOO_OLD",
      strictVerdict: "cannot: FLYTE_TOO_OLD",
      run: "IMAGE_CANNOT_RUN",
      strictRun: "IMAGE_CANNOT_RUN",
    },
    flyte: "a0 refuses an option of newer programs, and ends with code 2",
  },
  {
    name: "flyte-2-1",
    what: "flyte 2.1",
    image: built(`FROM ${FLYTE}`, "RUN /opt/venv/bin/pip install -q --no-cache-dir flyte==2.1.9"),
    expected: {
      verdict: "adapted: start_time",
      strictVerdict: "as_is",
      limits: ["FLYTE_BEFORE_START_TIME"],
      run: "runs",
      strictRun: "ExitCode",
    },
    flyte: "a0 refuses an option of newer programs, and ends with code 2",
  },
  {
    name: "pydantic-1",
    what: "pydantic 1, without flyte",
    image: built(`FROM ${PYTHON}`, "RUN pip install -q --no-cache-dir pydantic==1.10.27"),
    expected: WITHOUT_FLYTE,
    flyte: NO_A0,
  },
  {
    name: "no-authorities",
    what: "flyte, and no certificate authorities",
    image: built(`FROM ${FLYTE}`, "RUN rm -r /etc/ssl/certs"),
    expected: {
      verdict: "cannot: FLYTE_WITHOUT_CA_BUNDLE",
      strictVerdict: "cannot: FLYTE_WITHOUT_CA_BUNDLE",
      run: "ExitCode",
      strictRun: "ExitCode",
    },
    flyte: "the SDK cannot make its client: RuntimeError",
  },
  {
    name: "two-pythons",
    what: "flyte for Python 3.11, and a Python 3.10 of pyenv",
    standInFor: "pyenv: CPython copied there",
    image: built(
      `FROM ${FLYTE}`,
      `COPY --from=${OLDER_PYTHON} /usr/local /root/.pyenv/versions/3.10.13`,
      "RUN echo /root/.pyenv/versions/3.10.13/lib >/etc/ld.so.conf.d/pyenv.conf && ldconfig",
    ),
    expected: { ...WITH_FLYTE, notes: ["SEVERAL_PYTHONS"] },
    flyte: "it runs",
  },
  {
    name: "no-python",
    what: "Debian 12, without Python",
    image: built(`FROM ${DEBIAN}`),
    expected: WITHOUT_PYTHON,
    flyte: NO_A0,
  },
  {
    name: "node-only",
    what: "node:24-slim, for a Python task",
    image: built(`FROM ${NODE}`),
    expected: WITHOUT_PYTHON,
    flyte: NO_A0,
  },
  {
    name: "other-platform",
    what: "for linux/arm64 only, on an amd64 machine",
    standInFor: "an image of arm64: its manifest says so",
    image: { kind: "pushed", containerfile: "FROM scratch\nCOPY file /file", platform: "linux/arm64" },
    expected: {
      verdict: "cannot: IMAGE_WRONG_PLATFORM",
      strictVerdict: "cannot: IMAGE_WRONG_PLATFORM",
      run: "refused",
      strictRun: "refused",
    },
    flyte:
      "no match for the platform, after 3 minutes of pulling; or an exec format error, for which the system is blamed",
  },
  {
    name: "large",
    what: "3 GiB, without flyte",
    standInFor: "a model in the image: a file of zeros",
    image: {
      kind: "built",
      containerfile: `FROM ${PYTHON}\nRUN truncate -s 3G /opt/weights.bin`,
      freeGib: 12,
    },
    expected: WITHOUT_FLYTE,
    flyte: NO_A0,
  },
  {
    name: "missing-tag",
    what: "a tag that the registry has not",
    image: { kind: "missing" },
    expected: {
      verdict: "cannot: IMAGE_NOT_FOUND",
      strictVerdict: "cannot: IMAGE_NOT_FOUND",
      run: "refused",
      strictRun: "refused",
    },
    flyte: "3 minutes of pulling, then each retry; missing and private are not told apart",
  },
  {
    name: "private",
    what: "a private registry, without credentials",
    image: { kind: "private" },
    expected: {
      verdict: "unchecked: CREDENTIALS_MISSING",
      strictVerdict: "unchecked: CREDENTIALS_MISSING",
      run: "ImagePullBackOff",
      strictRun: "ImagePullBackOff",
    },
    flyte: "3 minutes of pulling, then each retry; missing and private are not told apart",
  },
  {
    name: "attestations",
    what: "an image index with attestations",
    image: {
      kind: "pushed",
      containerfile: `FROM ${PYTHON}\nCOPY file /file`,
      withAttestation: true,
    },
    expected: WITHOUT_FLYTE,
    flyte: NO_A0,
  },
  {
    name: "zstd",
    what: "zstd layers",
    image: {
      kind: "pushed",
      containerfile: `FROM ${PYTHON}\nCOPY file /zstd-file`,
      options: ["--compression-format=zstd"],
    },
    expected: WITHOUT_FLYTE,
    flyte: NO_A0,
  },
  {
    name: "scratch",
    what: "scratch with one file",
    image: built("FROM scratch", "COPY file /file"),
    expected: { ...WITHOUT_PYTHON, limits: ["TAR_MISSING"] },
    flyte: NO_A0,
  },
];
