/** flyteidl2.imagebuilder.ImageService: is there a build of this name that is still good? */
import type { ConnectRouter, ServiceImpl } from "@connectrpc/connect";
import { mayUse } from "../builds/ownership.ts";
import type { BuildRecord } from "../domain/build-record.ts";
import type { Principal } from "../domain/principal.ts";
import type { ProjectIdentifier } from "../wire/gen/flyteidl2/common/identifier_pb.js";
import { BoxkiteError } from "../domain/errors.ts";
import { isTrustedCaller } from "../domain/trust.ts";
import { incomplete } from "../wire/incomplete.ts";
import { ImageService } from "../wire/gen/flyteidl2/imagebuilder/service_pb.js";
import type { ServiceContext } from "./context.ts";
import { principalOf } from "./principal.ts";

type Needs = Pick<ServiceContext, "access" | "builds" | "unusedImages">;

export function registerImageService(router: ConnectRouter, { access, builds, unusedImages }: Needs): void {
  const service: Partial<ServiceImpl<typeof ImageService>> = {
    getImage: async ({ id, projectId }, handler) => {
      const name = id?.name ?? "";
      if (name === "") throw incomplete("an image");
      const by = principalOf(handler);
      await access.authorise(by, "read", { kind: "image", name });
      const isUsable = await usableBy(by, projectId);
      const record = await builds?.lookup(name, { isTrusted: isTrustedCaller(by), isUsable });
      // The SDK takes any error for "not there" and has it built (seen with flyte 2.12.1).
      if (record === undefined)
        throw new BoxkiteError("IMAGE_NOT_FOUND", `there is no build of ${name} that is still good`);
      unusedImages.handedOut(record);
      return { image: { id, fqin: record.reference } };
    },
  };
  router.service(ImageService, service);

  /** Which builds may be found: in the name of the project where its user may start runs; all where nobody logs in. */
  async function usableBy(by: Principal, projectId: ProjectIdentifier | undefined) {
    const { kind } = await access.authorityOf(by);
    if (kind === "everyone") return undefined;
    if (projectId === undefined) throw incomplete("a project");
    const owner = { project: projectId.name, domain: projectId.domain };
    await access.authorise(by, "read", { kind: "place", key: owner });
    return (build: BuildRecord) => mayUse(build, owner);
  }
}
