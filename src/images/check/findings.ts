/** The table of what may be wrong with an image. Each row says when it applies, and what mends it. */
import { posix } from "node:path";
import type { AdaptationKind } from "../../domain/adaptation.ts";
import { runtimeVariantOf } from "./adaptations.ts";
import { driverFor, newestCudaOf } from "./cuda.ts";
import type { Finding, FindingLevel, Mend } from "./finding.ts";
import { flyteOf, modernPythons, preferredPython, readyPythons } from "./interpreters.ts";
import {
  extendInSdk,
  installAuthorities,
  installFlyte,
  installPython,
  installTar,
  writableWorkdir,
} from "./mending.ts";
import { oldFlyteOf, type Subject } from "./subject.ts";
import {
  FIRST_NODE,
  FIRST_PYTHON,
  FLYTE_WITH_START_TIME,
  isAtLeast,
  speaksToServer,
  TESTED_FLYTE,
} from "./versions.ts";

interface Found {
  readonly text: string;
  readonly mend: Mend;
  /** Whether the adaptation of the row helps this image. @default true */
  readonly isAdaptable?: boolean;
  /** Whether it is as certain of this image as its row says. @default true */
  readonly isCertain?: boolean;
}

interface Row {
  readonly code: string;
  readonly level: FindingLevel;
  /** @default false */
  readonly certain?: boolean;
  readonly adaptation?: AdaptationKind;
  /** Undefined: the image has not this fault. */
  readonly find: (subject: Subject) => Found | undefined;
}

export function findingsOf(subject: Subject): Finding[] {
  return FINDINGS.flatMap(({ find, adaptation, ...row }) => {
    const found = find(subject);
    if (found === undefined) return [];
    const { isAdaptable = true, isCertain = true, ...said } = found;
    // What was not read may be what a task needs.
    const certain = row.certain === true && isCertain && subject.container.complete;
    return [{ ...row, certain, ...said, ...(isAdaptable && adaptation !== undefined && { adaptation }) }];
  });
}

/** Python tasks are the ones that this image is for, and they do not run as it is. */
const needsPython = ({ language, ready, container, hasOwnA0 }: Subject) =>
  language === "python" && !hasOwnA0 && !ready.includes("python") && container.startFailure === undefined;
const needsNode = ({ language, ready, container }: Subject) =>
  language === "typescript" && !ready.includes("typescript") && container.startFailure === undefined;

const lacksAuthorities = ({ container: { caBundle, startFailure, complete } }: Subject) =>
  caBundle === undefined && startFailure === undefined && complete;

/** In the order in which they are shown. */
export const FINDINGS: readonly Row[] = [
  {
    code: "START_FAILED",
    level: "blocks",
    find: ({ container: { startFailure } }) =>
      startFailure && {
        text: startFailure.message,
        mend: startFailure.hint === undefined ? {} : { other: startFailure.hint },
      },
  },
  {
    code: "NO_INTERPRETER",
    level: "blocks",
    certain: true,
    find: (subject) => {
      const { startFailure, complete, pythons, node, programs } = subject.container;
      if (startFailure !== undefined || !complete || subject.hasOwnA0) return undefined;
      switch (subject.language) {
        case undefined:
          return {
            text: "it has neither Python nor Node, at least where they usually are",
            mend: { dockerfile: installPython(subject) },
          };
        case "python":
          if (pythons.length > 0) return undefined;
          return {
            text: "it has no Python, at least where it usually is",
            mend: { dockerfile: installPython(subject) },
          };
        case "typescript":
          if (node !== undefined || programs["a0-ts"] !== undefined) return undefined;
          return {
            text: "it has no Node, at least where it usually is",
            mend: { dockerfile: "FROM docker.io/library/node:24-slim" },
          };
      }
    },
  },
  {
    code: "PYTHON_TOO_OLD",
    level: "blocks",
    certain: true,
    find: (subject) => {
      const { pythons } = subject.container;
      if (!needsPython(subject) || pythons.length === 0 || modernPythons(subject.container).length > 0)
        return undefined;
      const found = pythons.map(({ path, version }) => `${path} ${version ?? "(does not run)"}`);
      return {
        // One that does not run in the container of a check may run in a task's.
        isCertain: pythons.every(({ version }) => version !== undefined),
        text: `flyte needs Python ${FIRST_PYTHON} or newer, and it has ${found.join(", ")}`,
        mend: { dockerfile: "FROM docker.io/library/python:3.11-slim" },
      };
    },
  },
  {
    code: "FLYTE_MISSING",
    level: "blocks",
    certain: true,
    adaptation: "runtime",
    find: (subject) => {
      const python = preferredPython(subject.container);
      const has = modernPythons(subject.container).some((each) => flyteOf(each) !== undefined);
      if (!needsPython(subject) || has || python?.version === undefined) return undefined;
      if (!isAtLeast(python.version, FIRST_PYTHON)) return undefined;
      return {
        isAdaptable: runtimeVariantOf(python) !== undefined,
        text: `no interpreter in it has the package flyte; its Python is ${python.path} (${python.version})`,
        mend: {
          dockerfile: installFlyte(subject, python),
          sdk: extendInSdk(subject, `flyte==${TESTED_FLYTE}`),
        },
      };
    },
  },
  {
    code: "FLYTE_TOO_OLD",
    level: "blocks",
    certain: true,
    find: (subject) => {
      const { container } = subject;
      if (!needsPython(subject) || readyPythons(container).length > 0) return undefined;
      const python = subject.python ?? modernPythons(container).find((each) => flyteOf(each) !== undefined);
      const flyte = oldFlyteOf(subject) ?? (python && flyteOf(python));
      if (python === undefined || flyte === undefined || speaksToServer(flyte)) return undefined;
      return {
        text: `flyte ${flyte} in ${python.path} cannot call this server: versions before 2.1 speak gRPC only`,
        mend: {
          dockerfile: installFlyte(subject, python),
          sdk: extendInSdk(subject, `flyte==${TESTED_FLYTE}`),
        },
      };
    },
  },
  {
    code: "FLYTE_BROKEN",
    level: "blocks",
    find: (subject) => {
      const { python, container } = subject;
      const flyte = python && flyteOf(python);
      if (!needsPython(subject) || python === undefined || flyte === undefined) return undefined;
      if (container.a0Error === undefined || !speaksToServer(flyte)) return undefined;
      return {
        text: `a0 cannot import flyte ${flyte} in ${python.path}, or what it needs: ${container.a0Error}`,
        mend: { dockerfile: installFlyte(subject, python) },
      };
    },
  },
  {
    code: "FLYTE_WITHOUT_CA_BUNDLE",
    level: "blocks",
    find: (subject) => {
      const [python] = readyPythons(subject.container);
      if (subject.language !== "python" || python === undefined || !lacksAuthorities(subject))
        return undefined;
      return {
        text: `flyte ${flyteOf(python) ?? ""} cannot call this server, not even without TLS: it has no certificate authorities`,
        mend: { dockerfile: installAuthorities(subject) },
      };
    },
  },
  {
    code: "A0_NOT_ON_PATH",
    level: "blocks",
    adaptation: "interpreter",
    find: (subject) => {
      const python = readyPythons(subject.container).find((each) => each !== subject.python);
      const { a0 } = subject.container.programs;
      if (!needsPython(subject) || python === undefined) return undefined;
      const folder = posix.dirname(python.path);
      return {
        text:
          a0 === undefined
            ? `flyte is in ${python.path}, but its program a0 is not on PATH (${subject.container.path})`
            : `a0 on PATH is ${a0}, whose interpreter ${subject.container.a0Interpreter ?? "(none)"} has no usable flyte; ${python.path} has`,
        mend: {
          dockerfile: python.hasA0 ? `ENV PATH=${folder}:$PATH` : installFlyte(subject, python),
        },
      };
    },
  },
  {
    code: "BOXKITE_MISSING",
    level: "blocks",
    certain: true,
    find: (subject) => {
      const { node, programs } = subject.container;
      if (!needsNode(subject) || node === undefined) return undefined;
      if (programs["a0-ts"] !== undefined) return undefined;
      return {
        text: `it has Node ${node.version ?? `(${node.path}, which does not run)`}, but not the package boxkite with its program a0-ts on PATH`,
        mend: { dockerfile: "RUN npm install --global boxkite" },
      };
    },
  },
  {
    code: "NODE_TOO_OLD",
    level: "blocks",
    find: (subject) => {
      const { node } = subject.container;
      if (!needsNode(subject) || node?.version === undefined || isAtLeast(node.version, FIRST_NODE))
        return undefined;
      return {
        text: `the package boxkite needs Node ${FIRST_NODE} or newer, and it has ${node.version}`,
        mend: { dockerfile: "FROM docker.io/library/node:24-slim" },
      };
    },
  },
  {
    code: "ENTRYPOINT_SWALLOWS",
    level: "blocks",
    adaptation: "entrypoint",
    find: ({ container: { entrypoint, entrypointOutput }, facts }) =>
      entrypoint === "swallows"
        ? {
            text: `its ENTRYPOINT ${JSON.stringify(facts.config.entrypoint)} does not execute the arguments that it is given${entrypointOutput === undefined ? "" : `; it wrote: ${entrypointOutput}`}`,
            mend: {
              dockerfile: "ENTRYPOINT []",
              other: 'let a script end with: exec "$@"',
            },
          }
        : undefined,
  },
  {
    code: "FLYTE_BEFORE_START_TIME",
    level: "limits",
    adaptation: "start_time",
    find: (subject) => {
      const flyte = subject.python && flyteOf(subject.python);
      if (!subject.ready.includes("python") || flyte === undefined) return undefined;
      if (isAtLeast(flyte, FLYTE_WITH_START_TIME) || subject.python === undefined) return undefined;
      return {
        text: `its flyte ${flyte} refuses an option that programs with flyte ${FLYTE_WITH_START_TIME} or newer start tasks with`,
        mend: { dockerfile: installFlyte(subject, subject.python) },
      };
    },
  },
  {
    code: "WORKDIR_NOT_WRITABLE",
    level: "limits",
    adaptation: "code",
    find: (subject) => {
      const { workdir, user } = subject.container;
      if (workdir === undefined || workdir.writable) return undefined;
      return {
        text: `code that is sent with a run cannot be unpacked: its user ${user?.name ?? user?.uid ?? ""} may not write to its WORKDIR ${workdir.path}`,
        mend: {
          dockerfile: writableWorkdir(workdir.path, subject),
          sdk: 'flyte.with_runcontext(copy_style="none", version="1"), with the code in the image',
        },
      };
    },
  },
  {
    code: "TAR_MISSING",
    level: "limits",
    adaptation: "code",
    find: (subject) =>
      subject.language === "python" &&
      subject.container.complete &&
      subject.container.programs["tar"] === undefined
        ? {
            text: "code that is sent with a run cannot be unpacked: it has no tar, which flyte calls",
            mend: {
              dockerfile: installTar(subject),
              sdk: 'flyte.with_runcontext(copy_style="none", version="1"), with the code in the image',
            },
          }
        : undefined,
  },
  {
    code: "CUDA_NEWER_THAN_DRIVER",
    level: "limits",
    find: ({ container: { cuda }, driver }) => {
      const [version] = cuda;
      const newest = driver && newestCudaOf(driver);
      if (version === undefined || newest === undefined || isAtLeast(newest, version)) return undefined;
      return {
        text: `tasks with a GPU may fail: it has CUDA ${version}, and this machine's driver ${driver} is made for CUDA ${newest}`,
        mend: {
          dockerfile: `FROM an image with CUDA ${newest} or older`,
          other: `update the driver to ${driverFor(version) ?? "a newer one"} or newer`,
        },
      };
    },
  },
  {
    code: "ENTRYPOINT_UNKNOWN",
    level: "note",
    find: ({ container: { entrypoint }, facts }) =>
      entrypoint === "unknown"
        ? {
            text: `nothing was seen of whether its ENTRYPOINT ${JSON.stringify(facts.config.entrypoint)} executes its arguments: it was tried without a network, for 20 s`,
            mend: { other: "start a small task with it" },
          }
        : undefined,
  },
  {
    code: "USER_WITHOUT_NAME",
    level: "note",
    find: ({ container: { user } }) =>
      user === undefined || user.name !== undefined
        ? undefined
        : {
            text: `its user ${user.uid} is not in its /etc/passwd: getpass, ssh and some libraries fail for it`,
            mend: { dockerfile: `RUN echo "app:x:${user.uid}:${user.gid}::/tmp:/bin/sh" >> /etc/passwd` },
          },
  },
  {
    code: "HOME_NOT_WRITABLE",
    level: "note",
    find: ({ container: { home, user } }) =>
      home === undefined || home.writable
        ? undefined
        : {
            text: `its user ${user?.name ?? user?.uid ?? ""} may not write to HOME ${home.path}: libraries that cache files there fail or are slow`,
            mend: { dockerfile: "ENV HOME=/tmp", sdk: 'env_vars={"HOME": "/tmp"}' },
          },
  },
  {
    code: "CA_BUNDLE_MISSING",
    level: "note",
    find: (subject) =>
      lacksAuthorities(subject)
        ? {
            text: "it has no certificate authorities: TLS to other hosts fails, except of libraries that bring their own",
            mend: { dockerfile: installAuthorities(subject) },
          }
        : undefined,
  },
  {
    code: "OWN_A0",
    level: "note",
    find: ({ hasOwnA0, container }) =>
      hasOwnA0
        ? {
            text: `its ${container.programs["a0"] ?? "a0"} is no script of flyte: it is started as it is, and what it does was not read`,
            mend: { other: "start a small task with it" },
          }
        : undefined,
  },
  {
    code: "SEVERAL_PYTHONS",
    level: "note",
    find: ({ python, container, ready }) => {
      const others = modernPythons(container).filter((each) => each !== python);
      // An environment has the interpreter that it was made from beside it.
      const strangers = others.filter((each) => each.prefix !== python?.basePrefix);
      if (!ready.includes("python") || python === undefined || strangers.length === 0) return undefined;
      return {
        text: `tasks run with ${python.path}, and packages of ${strangers.map(({ path }) => path).join(", ")} are not there`,
        mend: {},
      };
    },
  },
  {
    code: "SHELL_MISSING",
    level: "note",
    find: ({ container }) =>
      container.shell || container.startFailure !== undefined
        ? undefined
        : {
            text: "it has no shell: interpreters were searched in the usual folders only",
            mend: {},
          },
  },
  {
    code: "CUDA_WITHOUT_DRIVER",
    level: "note",
    find: ({ container: { cuda }, driver }) =>
      cuda[0] === undefined || driver !== undefined
        ? undefined
        : {
            text: `it has CUDA ${cuda[0]}, and this machine has no NVIDIA driver: tasks run on its processors`,
            mend: {},
          },
  },
  {
    code: "CHECK_INCOMPLETE",
    level: "note",
    find: ({ container }) =>
      container.complete || container.startFailure !== undefined
        ? undefined
        : {
            text: "not all of it was read within 20 s: an interpreter in it hangs, or the machine is busy",
            mend: { other: "check it again" },
          },
  },
];
