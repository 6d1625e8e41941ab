/** What clients read of an action: its inputs and outputs, its report, its code bundle. */
import type { ServiceImpl } from "@connectrpc/connect";
import { create } from "@bufbuild/protobuf";
import type { ActionRecord } from "../domain/action-record.ts";
import { BoxkiteError } from "../domain/errors.ts";
import { outputsUri } from "../domain/outputs.ts";
import { attemptPrefix } from "../orchestrator/paths.ts";
import { requireRun } from "../store/require.ts";
import { decodeMessage } from "../wire/decode-message.ts";
import { ArtifactType, type DataProxyService } from "../wire/gen/flyteidl2/dataproxy/dataproxy_service_pb.js";
import { InputsSchema, OutputsSchema } from "../wire/gen/flyteidl2/task/common_pb.js";
import { decodeActionId } from "../wire/identifiers.ts";
import { encodeTime } from "../wire/time.ts";
import type { ServiceContext } from "./context.ts";
import { keyOfUri } from "./object-keys.ts";
import { requestOrigin } from "./origin.ts";
import { principalOf } from "./principal.ts";
import { expiryOf } from "./url-expiry.ts";

export type DownloadContext = Pick<
  ServiceContext,
  "access" | "store" | "objects" | "bucket" | "clock" | "presign"
>;
type Methods = Pick<ServiceImpl<typeof DataProxyService>, "createDownloadLink" | "getActionData">;

export function downloadMethods({
  access,
  store,
  objects,
  bucket,
  clock,
  presign,
}: DownloadContext): Methods {
  const readObject = async (uri: string | undefined) =>
    uri ? objects.readAll(keyOfUri(uri, bucket)) : undefined;
  return {
    createDownloadLink: async (request, handler) => {
      const { artifactType, source } = request;
      if (source.case !== "actionAttemptId") {
        throw new BoxkiteError(
          "FIELD_NOT_SUPPORTED",
          "a download link is asked for something else than an attempt of an action, and this server has no other",
          { hint: "name the action and its attempt" },
        );
      }
      const by = principalOf(handler);
      const record = await access.action(by, "read", decodeActionId(source.value.actionId));
      const uri = await artifactUri(
        store,
        record,
        artifactType,
        source.value.attempt || record.state.attempt,
      );
      const found = await objects.head(keyOfUri(uri, bucket));
      if (found === undefined)
        throw new BoxkiteError(
          "OBJECT_NOT_FOUND",
          `action ${record.key.action} has no ${ArtifactType[artifactType]} yet`,
        );
      const expiresInSeconds = expiryOf(request, by.identity);
      return {
        preSignedUrls: {
          signedUrl: [presign({ method: "GET", origin: requestOrigin(handler), uri, expiresInSeconds, by })],
          expiresAt: encodeTime(clock.now() + expiresInSeconds * 1_000),
        },
      };
    },

    getActionData: async ({ actionId }, handler) => {
      const { inputUri, state, kind } = await access.action(
        principalOf(handler),
        "read",
        decodeActionId(actionId),
      );
      const outputsAt = outputsUri(kind, state.outputUri);
      const [inputs, outputs] = await Promise.all([readObject(inputUri), readObject(outputsAt)]);
      return {
        inputs: inputs ? decodeMessage(InputsSchema, inputs, inputUri ?? "") : create(InputsSchema),
        outputs: outputs ? decodeMessage(OutputsSchema, outputs, outputsAt ?? "") : create(OutputsSchema),
        inputsUri: inputUri,
        outputsUri: outputsAt ?? "",
      };
    },
  };
}

/** Throws OBJECT_NOT_FOUND for what an action does not have. */
async function artifactUri(
  store: DownloadContext["store"],
  { key, specDigest }: ActionRecord,
  type: ArtifactType,
  attempt: number,
): Promise<string> {
  const run = await requireRun(store, key);
  if (type === ArtifactType.REPORT) return `${attemptPrefix(run.baseUri, key, attempt)}/report.html`;
  const spec = specDigest === undefined ? undefined : await store.getSpec(specDigest);
  const [bundle] = spec?.definition.reads ?? [];
  if (type === ArtifactType.CODE_BUNDLE && bundle !== undefined) return bundle;
  throw new BoxkiteError(
    "OBJECT_NOT_FOUND",
    `action ${key.action} has no ${ArtifactType[type] ?? "such artifact"}`,
  );
}
