/** Images of every kind that teams bring, and what the check says of each. */
import assert from "node:assert/strict";
import { suite, test } from "node:test";
import type { ContainerFacts, ImageConfigFacts, PythonFacts } from "../../domain/image-facts.ts";
import {
  BARE_PYTHON,
  CONTAINER,
  imageFacts,
  PYTHON,
  withoutPython,
} from "../../../test/helpers/image-facts.ts";
import { ALL_ADAPTATIONS as ALL, NO_ADAPTATIONS as NONE } from "./adaptations.ts";
import { FINDINGS, findingsOf } from "./findings.ts";
import { subjectOf } from "./subject.ts";
import { verdictOf } from "./verdict.ts";

interface Case {
  readonly image: string;
  readonly container: Partial<ContainerFacts>;
  readonly config?: Partial<ImageConfigFacts>;
  readonly driver?: string;
  readonly verdict: "as_is" | "cannot";
  /** With everything that a server may adapt. @default `verdict` */
  readonly adapted?: "as_is" | "adapted" | "cannot";
  readonly codes: readonly string[];
  /** Part of the lines that mend the first finding. */
  readonly mend?: RegExp;
}

const VENV: PythonFacts = { ...PYTHON, path: "/opt/venv/bin/python", prefix: "/opt/venv" };
const NO_A0 = { tar: "/usr/bin/tar", "apt-get": "/usr/bin/apt-get" };
const { a0Interpreter: _interpreter, ...WITHOUT_A0 } = CONTAINER;
const { user: _user, caBundle: _bundle, home: _home, ...BARE } = CONTAINER;
const NODE = { path: "/usr/local/bin/node", version: "24.1.0", boxkite: "0.1.0" };
const a0Of = (python: PythonFacts) => ({
  programs: { ...CONTAINER.programs, a0: python.path.replace(/python$/u, "a0") },
  a0Interpreter: python.path,
});

const CASES: readonly Case[] = [
  { image: "python slim with flyte", container: {}, verdict: "as_is", codes: [] },
  {
    image: "python slim",
    container: { ...WITHOUT_A0, pythons: [BARE_PYTHON], programs: NO_A0 },
    verdict: "cannot",
    adapted: "adapted",
    codes: ["FLYTE_MISSING"],
    mend: /^RUN \/usr\/local\/bin\/python -m pip install flyte==2\.12\.1$/mu,
  },
  {
    image: "a venv that is not on PATH",
    container: { ...WITHOUT_A0, pythons: [VENV, BARE_PYTHON], programs: NO_A0 },
    verdict: "cannot",
    adapted: "adapted",
    codes: ["A0_NOT_ON_PATH"],
    mend: /^ENV PATH=\/opt\/venv\/bin:\$PATH$/u,
  },
  {
    image: "a venv with flyte behind another a0",
    container: {
      pythons: [{ ...PYTHON, packages: { flyte: "2.0.12" } }, VENV],
    },
    verdict: "cannot",
    adapted: "adapted",
    codes: ["A0_NOT_ON_PATH"],
    mend: /ENV PATH=\/opt\/venv\/bin/u,
  },
  {
    image: "a venv without pip, flyte or a place on PATH",
    container: {
      ...WITHOUT_A0,
      pythons: [{ ...VENV, hasA0: false, packages: {} }],
      programs: NO_A0,
    },
    verdict: "cannot",
    adapted: "adapted",
    codes: ["FLYTE_MISSING"],
    mend: /uv pip install --python \/opt\/venv\/bin\/python flyte==\S+ && ln -s \/opt\/venv\/bin\/a0 \/usr\/local\/bin\/a0$/mu,
  },
  {
    image: "a script of its own as a0",
    container: {
      ...WITHOUT_A0,
      pythons: [BARE_PYTHON],
      programs: { ...NO_A0, a0: "/usr/local/bin/a0" },
      a0Interpreter: "/bin/sh",
    },
    verdict: "as_is",
    codes: ["OWN_A0"],
  },
  {
    image: "an environment that was moved, whose a0 names an interpreter that is not there",
    container: {
      ...WITHOUT_A0,
      pythons: [VENV],
      programs: { ...NO_A0, a0: "/opt/venv/bin/a0" },
      a0Interpreter: "/build/venv/bin/python3",
    },
    verdict: "cannot",
    adapted: "adapted",
    codes: ["A0_NOT_ON_PATH"],
  },
  {
    image: "conda with flyte, and the system's Python",
    container: {
      ...a0Of({ ...VENV, path: "/opt/conda/bin/python" }),
      pythons: [
        { ...PYTHON, path: "/opt/conda/bin/python", prefix: "/opt/conda", basePrefix: "/opt/conda" },
        { ...BARE_PYTHON, path: "/usr/bin/python3", prefix: "/usr", basePrefix: "/usr" },
      ],
    },
    verdict: "as_is",
    codes: ["SEVERAL_PYTHONS"],
  },
  {
    image: "a venv with flyte, and what it was made from",
    container: { ...a0Of(VENV), pythons: [VENV, BARE_PYTHON] },
    verdict: "as_is",
    codes: [],
  },
  {
    image: "the Python of Debian",
    container: {
      ...WITHOUT_A0,
      pythons: [
        { ...BARE_PYTHON, path: "/usr/bin/python3", prefix: "/usr", basePrefix: "/usr", packages: {} },
      ],
      programs: NO_A0,
    },
    verdict: "cannot",
    adapted: "adapted",
    codes: ["FLYTE_MISSING"],
    mend: /uv pip install --python \/usr\/bin\/python3 --break-system-packages flyte==\S+$/mu,
  },
  {
    image: "a0 whose interpreter is gone",
    container: { a0Interpreter: "/old/python", pythons: [{ ...VENV }], programs: CONTAINER.programs },
    verdict: "cannot",
    adapted: "adapted",
    codes: ["A0_NOT_ON_PATH"],
    mend: /ENV PATH=\/opt\/venv\/bin/u,
  },
  {
    image: "flyte beside pydantic 1",
    container: { a0Error: "ModuleNotFoundError: No module named 'pydantic.json_schema'" },
    verdict: "cannot",
    codes: ["FLYTE_BROKEN"],
    mend: /^RUN \/usr\/local\/bin\/python -m pip install flyte==/u,
  },
  {
    image: "flyte 2.0",
    container: { pythons: [{ ...PYTHON, packages: { flyte: "2.0.12", pip: "1" } }] },
    verdict: "cannot",
    codes: ["FLYTE_TOO_OLD"],
    mend: /pip install flyte==2\.12\.1/u,
  },
  {
    image: "flyte 2.0 off PATH",
    container: {
      ...WITHOUT_A0,
      programs: NO_A0,
      pythons: [{ ...VENV, packages: { flyte: "2.0.12", pip: "1" } }],
    },
    verdict: "cannot",
    codes: ["FLYTE_TOO_OLD"],
  },
  {
    image: "flyte 2.3.5",
    container: { pythons: [{ ...PYTHON, packages: { flyte: "2.3.5", pip: "1" } }] },
    verdict: "as_is",
    adapted: "adapted",
    codes: ["FLYTE_BEFORE_START_TIME"],
  },
  {
    image: "Python 3.9",
    container: {
      ...WITHOUT_A0,
      pythons: [{ ...BARE_PYTHON, version: "3.9.18" }],
      programs: NO_A0,
    },
    verdict: "cannot",
    codes: ["PYTHON_TOO_OLD"],
    mend: /FROM docker\.io\/library\/python:3\.11-slim/u,
  },
  {
    image: "Alpine with Python",
    container: {
      ...WITHOUT_A0,
      pythons: [{ ...BARE_PYTHON, libc: "musl" }],
      programs: { apk: "/sbin/apk" },
      libc: "musl",
      os: "alpine 3.22",
    },
    verdict: "cannot",
    adapted: "adapted",
    codes: ["FLYTE_MISSING", "TAR_MISSING"],
  },
  {
    image: "distroless-like, with flyte",
    container: { ...BARE, shell: false, programs: { a0: "/usr/local/bin/a0" }, entrypoint: "passes" },
    config: { entrypoint: ["/usr/bin/env"] },
    verdict: "cannot",
    codes: ["FLYTE_WITHOUT_CA_BUNDLE", "TAR_MISSING", "CA_BUNDLE_MISSING", "SHELL_MISSING"],
    mend: /^COPY --from=\S+ \/etc\/ssl\/certs\/ca-certificates\.crt/u,
  },
  {
    image: "non-root with a WORKDIR of root",
    container: {
      user: { uid: 1000, gid: 100, name: "app" },
      workdir: { path: "/app", writable: false },
      home: { path: "/home/app", writable: true },
    },
    verdict: "as_is",
    adapted: "adapted",
    codes: ["WORKDIR_NOT_WRITABLE"],
    mend: /^RUN chown 1000:100 \/app$/mu,
  },
  {
    image: "a USER without a name, and the WORKDIR /",
    container: {
      user: { uid: 4242, gid: 0 },
      workdir: { path: "/", writable: false },
      home: { path: "/", writable: false },
    },
    verdict: "as_is",
    adapted: "adapted",
    codes: ["WORKDIR_NOT_WRITABLE", "USER_WITHOUT_NAME", "HOME_NOT_WRITABLE"],
    mend: /^WORKDIR \/tmp$/mu,
  },
  {
    image: "an ENTRYPOINT that swallows its arguments",
    container: { entrypoint: "swallows", entrypointOutput: "serving on :80" },
    config: { entrypoint: ["/bin/sh", "-c", "serve"] },
    verdict: "cannot",
    adapted: "adapted",
    codes: ["ENTRYPOINT_SWALLOWS"],
    mend: /^ENTRYPOINT \[\]/u,
  },
  {
    image: "an ENTRYPOINT that swallows its arguments, without flyte",
    container: { ...WITHOUT_A0, pythons: [BARE_PYTHON], programs: NO_A0, entrypoint: "swallows" },
    verdict: "cannot",
    adapted: "adapted",
    codes: ["FLYTE_MISSING", "ENTRYPOINT_SWALLOWS"],
  },
  {
    image: "an ENTRYPOINT that executes its arguments",
    container: { entrypoint: "passes" },
    verdict: "as_is",
    codes: [],
  },
  {
    image: "an ENTRYPOINT that waits for a database",
    container: { entrypoint: "unknown" },
    verdict: "as_is",
    codes: ["ENTRYPOINT_UNKNOWN"],
  },
  {
    image: "CUDA on a machine without a driver",
    container: { cuda: ["12.4"] },
    verdict: "as_is",
    codes: ["CUDA_WITHOUT_DRIVER"],
  },
  {
    image: "CUDA newer than the driver",
    container: { cuda: ["12.4"] },
    driver: "535.129.03",
    verdict: "as_is",
    codes: ["CUDA_NEWER_THAN_DRIVER"],
    mend: /CUDA 12\.2 or older\n.*550\.54/u,
  },
  {
    image: "CUDA that the driver knows",
    container: { cuda: ["12.4"] },
    driver: "550.54.14",
    verdict: "as_is",
    codes: [],
  },
  {
    image: "scratch",
    container: withoutPython({ shell: false, programs: {} }),
    verdict: "cannot",
    codes: ["NO_INTERPRETER", "SHELL_MISSING"],
  },
  {
    image: "a base without any interpreter",
    container: withoutPython({}),
    verdict: "cannot",
    codes: ["NO_INTERPRETER"],
    mend: /COPY --from=docker\.io\/library\/python/u,
  },
  {
    image: "Debian",
    container: withoutPython({ programs: { "apt-get": "/usr/bin/apt-get", tar: "/usr/bin/tar" } }),
    verdict: "cannot",
    codes: ["NO_INTERPRETER"],
    mend: /^RUN apt-get update && apt-get install -y python3 /u,
  },
  {
    image: "an image that cannot be started",
    container: withoutPython({
      complete: false,
      startFailure: {
        code: "IMAGE_USER_NOT_FOUND",
        message: "the image's USER is not in its /etc/passwd",
        hint: "give USER as a number",
      },
    }),
    verdict: "cannot",
    codes: ["START_FAILED"],
    mend: /USER as a number/u,
  },
  {
    image: "an image that was not read in time",
    container: { complete: false },
    verdict: "as_is",
    codes: ["CHECK_INCOMPLETE"],
  },
  {
    image: "Node with boxkite",
    container: withoutPython({ node: NODE, programs: { "a0-ts": "/usr/local/bin/a0-ts" } }),
    verdict: "as_is",
    codes: [],
  },
  {
    image: "Node only",
    container: withoutPython({ node: { path: "/usr/local/bin/node", version: "24.1.0" } }),
    verdict: "cannot",
    codes: ["BOXKITE_MISSING"],
    mend: /npm install --global boxkite/u,
  },
  {
    image: "Node 20 with boxkite",
    container: withoutPython({
      node: { ...NODE, version: "20.19.0" },
      programs: { "a0-ts": "/usr/local/bin/a0-ts" },
    }),
    verdict: "cannot",
    codes: ["NODE_TOO_OLD"],
    mend: /node:24-slim/u,
  },
  {
    image: "Node with boxkite, and a Python without flyte",
    container: withoutPython({
      node: NODE,
      pythons: [BARE_PYTHON],
      programs: { "a0-ts": "/usr/local/bin/a0-ts" },
    }),
    verdict: "as_is",
    codes: [],
  },
];

suite("what is said of an image", () => {
  for (const { image, container, config, driver, verdict, adapted = verdict, codes, mend } of CASES) {
    test(image, () => {
      const findings = findingsOf(subjectOf("team/app:1", imageFacts(container, config), { driver }));
      assert.deepEqual(
        findings.map(({ code }) => code),
        codes,
      );
      assert.equal(verdictOf(findings, NONE).kind, verdict);
      assert.equal(verdictOf(findings, ALL).kind, adapted);
      if (mend !== undefined) assert.match(Object.values(findings[0]?.mend ?? {}).join("\n"), mend);
      for (const { text } of findings) assert.doesNotMatch(text, /undefined|\[object/u);
    });
  }
});

test("every finding has an image, and what blocks has a line that mends it", () => {
  const seen = new Set(CASES.flatMap(({ codes }) => codes));
  assert.deepEqual(
    FINDINGS.map(({ code }) => code).filter((code) => !seen.has(code)),
    [],
  );
  for (const { image, container, config, driver } of CASES)
    for (const finding of findingsOf(subjectOf("team/app:1", imageFacts(container, config), { driver })))
      if (finding.level !== "note") assert.notDeepEqual(finding.mend, {}, `${image}: ${finding.code}`);
});

test("the verdict names what is in the way, and what was adapted", () => {
  const facts = imageFacts({ pythons: [BARE_PYTHON], entrypoint: "swallows", programs: NO_A0 });
  const findings = findingsOf(subjectOf("team/app:1", facts, {}));
  assert.deepEqual(verdictOf(findings, NONE), {
    kind: "cannot",
    because: ["FLYTE_MISSING", "ENTRYPOINT_SWALLOWS"],
  });
  assert.deepEqual(verdictOf(findings, new Set(["runtime"] as const)), {
    kind: "cannot",
    because: ["ENTRYPOINT_SWALLOWS"],
  });
  assert.deepEqual(verdictOf(findings, ALL), {
    kind: "adapted",
    adaptations: ["runtime", "entrypoint"],
  });
});

test("only what no program can overcome is certain", () => {
  assert.deepEqual(
    FINDINGS.filter(({ certain }) => certain === true).map(({ code }) => code),
    ["NO_INTERPRETER", "PYTHON_TOO_OLD", "FLYTE_MISSING", "FLYTE_TOO_OLD", "BOXKITE_MISSING"],
  );
});
