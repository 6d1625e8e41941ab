/** Where clients upload code and inputs to. */
import type { ServiceImpl } from "@connectrpc/connect";
import { checkProjectName, type ProjectKey } from "../domain/ids.ts";
import type { Principal } from "../domain/principal.ts";
import { incomplete } from "../wire/incomplete.ts";
import type {
  DataProxyService,
  UploadInputsRequest,
} from "../wire/gen/flyteidl2/dataproxy/dataproxy_service_pb.js";
import { decodeProjectId, decodeRunId, decodeTaskId } from "../wire/identifiers.ts";
import { NO_RUN_BASE, refused } from "../wire/refusals.ts";
import { encodeTime } from "../wire/time.ts";
import type { ServiceContext } from "./context.ts";
import { emptyInputs, storeInputs } from "./inputs.ts";
import { requestOrigin } from "./origin.ts";
import { principalOf } from "./principal.ts";
import { uploadLocation } from "./upload-location.ts";
import { expiryOf } from "./url-expiry.ts";

export type UploadContext = Pick<
  ServiceContext,
  "access" | "objects" | "orchestrator" | "bucket" | "clock" | "presign"
>;
type Methods = Pick<ServiceImpl<typeof DataProxyService>, "createUploadLocation" | "uploadInputs">;

export function uploadMethods(context: UploadContext): Methods {
  const { access, orchestrator, bucket, clock, presign } = context;
  return {
    createUploadLocation: async (request, handler) => {
      const scope = {
        project: checkProjectName(request.project, "project"),
        domain: checkProjectName(request.domain, "domain"),
      };
      const by = principalOf(handler);
      await access.place(by, scope);
      const { uri, md5 } = uploadLocation(bucket, scope, request);
      const expiresInSeconds = expiryOf(request, by.identity);
      const origin = requestOrigin(handler);
      return {
        signedUrl: presign({ method: "PUT", origin, uri, expiresInSeconds, writeOnce: { md5 }, by }),
        nativeUrl: uri,
        expiresAt: encodeTime(clock.now() + expiresInSeconds * 1_000),
        // Signed with the URL.
        headers: md5 === undefined ? {} : { "Content-MD5": Buffer.from(md5).toString("base64") },
      };
    },

    uploadInputs: async (request, handler) => {
      const by = principalOf(handler);
      if (request.baseDir !== "") {
        throw refused("the run", NO_RUN_BASE);
      }
      const scope = scopeOf(request);
      await access.place(by, scope);
      const ignored = await ignoredInputs(access, by, request);
      const stored = await storeInputs(context, scope, request.inputs ?? emptyInputs(), ignored);
      if (by.identity.kind === "attempt") await orchestrator.grant(by.identity.key, [stored.uri]);
      return { offloadedInputData: stored };
    },
  };
}

async function ignoredInputs(
  access: UploadContext["access"],
  by: Principal,
  { task }: UploadInputsRequest,
): Promise<readonly string[]> {
  if (task.case === "taskSpec") return task.value.taskTemplate?.metadata?.cacheIgnoreInputVars ?? [];
  if (task.case !== "taskId") return [];
  return (await access.task(by, decodeTaskId(task.value))).spec.definition.cache?.ignoredInputs ?? [];
}

function scopeOf({ id }: UploadInputsRequest): ProjectKey {
  if (id.case === "projectId") return decodeProjectId(id.value);
  if (id.case === "runId")
    return decodeRunId(id.value.name === "" ? { ...id.value, name: "unnamed" } : id.value);
  throw incomplete("a run or a project");
}
