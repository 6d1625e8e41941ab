/** A task of the stock SDK in a container: its code is in an object store on this machine, and nobody has its calls. */
import { randomBytes } from "node:crypto";
import type { TestContext } from "node:test";
import type { EngineApi } from "../../src/containers/api.ts";
import type { EngineInfo } from "../../src/containers/types.ts";
import { createContainerExecutor } from "../../src/executors/container/container-executor.ts";
import { NO_POLICY } from "../../src/executors/container/confinement.ts";
import type { AttemptSpec, Executor } from "../../src/executors/executor.ts";
import { systemClock } from "../../src/lib/clock.ts";
import { silentLogger } from "../../src/lib/log.ts";
import {
  createCodeBundles,
  type CodeBundles,
  type FindBundleObject,
} from "../../src/code-bundles/code-bundles.ts";
import { objectUri, parseObjectUri } from "../../src/objects/uri.ts";
import { ACCESS_KEY, BUCKET, SECRET_KEY, startS3Server, type S3Server } from "./s3-server.ts";

/** Has flyte, tar and a WORKDIR that its user may write to. */
export const FLYTE_IMAGE = "ghcr.io/flyteorg/flyte:py3.11-v2.12.1";

const BUNDLE_URI = objectUri(BUCKET, "p/d/fast0123.tar.gz");

export interface CodeStore {
  readonly server: S3Server;
  /** Of the code. */
  readonly uri: string;
  /** Whether a client of the object store has asked for the code. */
  readonly isFetched: () => boolean;
  /** Of its preparation, on this machine. */
  readonly bundles: CodeBundles;
  /** `a0` with the task `main` of the code's module `main`. */
  spec(image: AttemptSpec["image"], more?: Partial<AttemptSpec>): AttemptSpec;
}

export async function startCodeStore(
  t: Pick<TestContext, "after">,
  bundle: Buffer,
  directory: string,
): Promise<CodeStore> {
  const bundleKey = parseObjectUri(BUNDLE_URI)?.key ?? "";
  let isFetched = false;
  const server = await startS3Server(t, {
    onAsked: (_by, _name, key) => {
      isFetched ||= key === bundleKey;
    },
  });
  const { store } = server;
  await store.put(bundleKey, bundle);
  await store.put("run/inputs.pb", Buffer.alloc(0));
  const findObject: FindBundleObject = async (uri) => {
    const key = parseObjectUri(uri)?.key ?? "";
    const head = await store.head(key);
    return head && { version: head.etag, read: () => store.read(key) };
  };
  const bundles = createCodeBundles({ directory, findObject, clock: systemClock, log: silentLogger });
  const run = (name: string) => objectUri(BUCKET, `run/${name}`);
  return {
    server,
    uri: BUNDLE_URI,
    isFetched: () => isFetched,
    bundles,
    spec: (image, more) => ({
      key: { project: "p", domain: "d", run: `r${randomBytes(4).toString("hex")}`, action: "a0", attempt: 1 },
      image,
      command: [],
      args: [
        "a0",
        ...`--inputs ${run("inputs.pb")} --outputs-path ${run("out")} --version v`.split(" "),
        ...`--raw-data-path ${run("raw")} --checkpoint-path ${run("checkpoint")} --prev-checkpoint ""`.split(
          " ",
        ),
        ...`--run-name r --name a0 --project p --domain d --org o --run-base-dir ${run("")}`.split(" "),
        ...`--tgz ${BUNDLE_URI} --dest .`.split(" "),
        ..."--resolver flyte._internal.resolvers.default.DefaultTaskResolver mod main instance main".split(
          " ",
        ),
      ],
      env: {
        _U_EP_OVERRIDE: `127.0.0.1:${server.port}`,
        _U_INSECURE: "true",
        FLYTE_AWS_ENDPOINT: server.origin,
        FLYTE_AWS_ACCESS_KEY_ID: ACCESS_KEY,
        FLYTE_AWS_SECRET_ACCESS_KEY: SECRET_KEY,
      },
      requests: {},
      limits: {},
      labels: {},
      isTrusted: true,
      network: "host",
      ...more,
    }),
  };
}

export function executorOn(api: EngineApi, info: EngineInfo): Executor {
  const instance = `test-${randomBytes(4).toString("hex")}`;
  const log = silentLogger;
  return createContainerExecutor({
    api,
    info,
    instance,
    log,
    clock: systemClock,
    endpointHost: () => "unused",
    policy: NO_POLICY,
  });
}
