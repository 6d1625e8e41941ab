import assert from "node:assert/strict";
import { test } from "node:test";
import { imageFacts } from "../../../test/helpers/image-facts.ts";
import type { EngineName } from "../../containers/types.ts";
import type { ContainerFacts, ImageConfigFacts } from "../../domain/image-facts.ts";
import type { AttemptSpec } from "../executor.ts";
import { MOST_MOUNTS, placeCode, type CodeContext } from "./place-code.ts";

const URI = "s3://boxkite/p/fast1.tar.gz";
const KEY = { project: "p", domain: "d", run: "r", action: "a", attempt: 1 };
const DIRECTORIES = [{ name: "d", mode: 0o755, isEmpty: false }];
const ARCHIVE = "/data/code-bundles/1/archive.tar";

interface Case {
  readonly spec?: Partial<AttemptSpec>;
  readonly container?: Partial<ContainerFacts>;
  readonly config?: Partial<ImageConfigFacts>;
  readonly engine?: EngineName;
  readonly readOnlyRoot?: true;
  readonly writable?: readonly string[];
  readonly mountsFiles?: false;
  readonly top?: readonly string[];
  readonly files?: number;
  readonly dest?: string;
  readonly isPrepared?: false;
}

async function place(given: Case) {
  const { spec, container, config, engine = "podman", dest = "." } = given;
  const asked: string[] = [];
  const bundles: CodeContext["bundles"] = {
    prepare: async ({ uri, kind }, { run }) => {
      asked.push(`prepare ${kind} ${uri} for ${run}`);
      return given.isPrepared === false
        ? undefined
        : { archive: ARCHIVE, top: given.top ?? ["main.py"], directories: DIRECTORIES };
    },
    unpack: async ({ archive }) => {
      asked.push(`unpack ${archive}`);
      return Array.from({ length: given.files ?? 1 }, (_, i) => ({ name: `d/${i}.py`, path: `/files/${i}` }));
    },
  };
  const placed = await placeCode(
    { key: KEY, command: [], args: ["a0", "--tgz", URI, "--dest", dest], ...spec },
    imageFacts(container, config),
    {
      bundles,
      engine,
      mountsFiles: given.mountsFiles ?? true,
      confinement: { readOnlyRoot: given.readOnlyRoot ?? false, writable: given.writable ?? [] },
    },
  );
  return { placed, asked };
}

/** In which the SDK cannot unpack its code. */
const WITHOUT_TAR = { programs: {} };
const targetOf = async (given: Case) => (await place(given)).placed?.options.archives?.[0]?.target;
/** The task fetches and unpacks it itself. */
const isLeft = async (given: Case) => (await place(given)).placed === undefined;

test("an image in which the SDK unpacks its code is left alone", async () => {
  assert.deepEqual(await place({}), { placed: undefined, asked: [] });
  assert.deepEqual(
    await place({ dest: "/code" }),
    { placed: undefined, asked: [] },
    "root writes there, too",
  );
  const pkl = { args: ["a0", "--pkl", URI, "--dest", "."] };
  assert.equal(await isLeft({ spec: pkl, container: WITHOUT_TAR }), true, "a pickle is not unpacked");
});

test("where it cannot, the archive is unpacked into WORKDIR, and its files belong to USER", async () => {
  const user = { uid: 4242, gid: 17, name: "team" };
  const workdir = { path: "/app", writable: false };
  const { placed, asked } = await place({ container: { user, workdir } });
  assert.deepEqual(placed, {
    options: {
      archives: [
        { source: ARCHIVE, directories: DIRECTORIES, target: "/app", owner: { uid: 4242, gid: 17 } },
      ],
    },
    adaptation: { kind: "code", uri: URI, target: "/app" },
  });
  assert.deepEqual(asked, [`prepare tgz ${URI} for r`]);
  assert.equal(await targetOf({ container: WITHOUT_TAR }), "/app");
  assert.equal(await targetOf({ container: { user }, dest: "/code" }), "/code", "who knows whether it may");
});

test("the target is the destination, seen from where the program starts", async () => {
  const container = WITHOUT_TAR;
  assert.equal(await targetOf({ container, config: { workdir: "" } }), "/");
  assert.equal(await targetOf({ container, dest: "code/now" }), "/app/code/now");
  assert.equal(await targetOf({ container, dest: "/code" }), "/code");
  const wrapper = {
    ...container,
    entrypoint: "passes",
    workdir: { path: "/srv", writable: true },
  } as const;
  assert.equal(await targetOf({ container: wrapper }), "/srv", "its ENTRYPOINT goes there");
  assert.equal(
    await targetOf({ container: wrapper, spec: { command: ["/usr/bin/python"] } }),
    "/app",
    "it is replaced",
  );
});

test("nothing is done without code, with a bundle that is not prepared, or for an unknown user", async () => {
  const none = await place({ container: WITHOUT_TAR, spec: { args: ["a0", "--dest", "."] } });
  assert.deepEqual(none, { placed: undefined, asked: [] });
  assert.equal(await isLeft({ container: WITHOUT_TAR, isPrepared: false }), true);
  const { user: _unknown, ...container } = imageFacts(WITHOUT_TAR).container;
  assert.equal(await isLeft({ container }), true);
});

test("what a volume or a mount would hide is mounted file by file", async () => {
  const isMounted = async (given: Case) => {
    const { placed } = await place({ container: WITHOUT_TAR, ...given });
    return placed?.options.readOnlyMounts !== undefined;
  };
  assert.deepEqual((await place({ container: WITHOUT_TAR, config: { volumes: ["/app"] } })).placed?.options, {
    readOnlyMounts: [{ source: "/files/0", target: "/app/d/0.py" }],
  });
  assert.equal(await isMounted({ config: { volumes: ["/app/"], workdir: "/app/sub" } }), true);
  assert.equal(await isMounted({ spec: { tmpfs: [{ target: "/app", sizeBytes: 1 }] } }), true);
  assert.equal(await isMounted({ config: { volumes: ["/app/data"] }, top: ["data"] }), true);
  assert.equal(await isMounted({ config: { workdir: "/" }, top: ["dev"] }), true);
  assert.equal(await isMounted({ config: { volumes: ["/app/data"] }, top: ["main.py"] }), false);
  assert.equal(await isMounted({ config: { volumes: ["/application"] } }), false);
  assert.equal(await isMounted({ config: { workdir: "/" }, top: ["main.py"] }), false);
  const elsewhere = { container: WITHOUT_TAR, config: { volumes: ["/app"] }, mountsFiles: false } as const;
  assert.equal(await isLeft(elsewhere), true);
});

test("in a read-only root files are mounted with docker, and unpacked by podman", async () => {
  assert.equal(await targetOf({ readOnlyRoot: true }), "/app");
  const docker = await place({ readOnlyRoot: true, engine: "docker" });
  assert.deepEqual(docker.placed, {
    options: { readOnlyMounts: [{ source: "/files/0", target: "/app/d/0.py" }] },
    adaptation: { kind: "code", uri: URI, target: "/app" },
  });
  assert.deepEqual(docker.asked, [`prepare tgz ${URI} for r`, `unpack ${ARCHIVE}`]);
  assert.equal(await isLeft({ readOnlyRoot: true, engine: "docker", mountsFiles: false }), true);
  assert.equal(await isLeft({ readOnlyRoot: true, engine: "docker", files: MOST_MOUNTS + 1 }), true);
  assert.equal(await isLeft({ readOnlyRoot: true, writable: ["/app"] }), true, "a volume for the SDK");
  assert.equal(await isLeft({ readOnlyRoot: true, dest: "/tmp/code" }), true);
});
