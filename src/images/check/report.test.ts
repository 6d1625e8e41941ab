import assert from "node:assert/strict";
import { test } from "node:test";
import { BoxkiteError, type ErrorCode } from "../../domain/errors.ts";
import { imageFacts, withoutPython } from "../../../test/helpers/image-facts.ts";
import { RegistryRefusal } from "../registry/refusal.ts";
import { reportOn, reportOnError, type CheckedImage } from "./report.ts";

const checked = (facts = imageFacts()): CheckedImage => ({
  image: {
    reference: "team/app:1",
    pinned: "docker.io/team/app@sha256:1",
    digest: "sha256:1",
    source: "registry",
  },
  facts,
  isCached: false,
});

test("the languages are those whose tasks run", () => {
  assert.deepEqual(reportOn(checked(), {}).languages, ["python"]);
  const bare = reportOn(checked(imageFacts(withoutPython({}))), {});
  assert.deepEqual([bare.verdict.kind, bare.languages], ["cannot", []]);
});

test("an image that is not there cannot run; one that may not be read is not checked", () => {
  const refusal = (isLoggedIn: boolean) =>
    new RegistryRefusal(
      "IMAGE_UNAUTHORIZED",
      "no",
      { hint: "log in" },
      { retryAfterMs: undefined, isLoggedIn },
    );
  const wrapped = new BoxkiteError("IMAGE_UNAUTHORIZED", "no; podman has no copy either", {
    cause: refusal(true),
  });
  const rows: readonly [BoxkiteError, string, "cannot" | "unchecked"][] = [
    [new BoxkiteError("IMAGE_NOT_FOUND", "gone"), "IMAGE_NOT_FOUND", "cannot"],
    [new BoxkiteError("IMAGE_WRONG_PLATFORM", "arm64"), "IMAGE_WRONG_PLATFORM", "cannot"],
    [new BoxkiteError("IMAGE_REFERENCE_INVALID", "<"), "IMAGE_REFERENCE_INVALID", "cannot"],
    [refusal(false), "CREDENTIALS_MISSING", "unchecked"],
    [refusal(true), "CREDENTIALS_REFUSED", "unchecked"],
    [wrapped, "CREDENTIALS_REFUSED", "unchecked"],
    [new BoxkiteError("REGISTRY_RATE_LIMITED", "slow"), "REGISTRY_RATE_LIMITED", "unchecked"],
    [new BoxkiteError("REGISTRY_UNREACHABLE", "away"), "REGISTRY_UNREACHABLE", "unchecked"],
  ];
  for (const [error, code, kind] of rows) {
    const { verdict, findings } = reportOnError("team/app:1", error);
    assert.deepEqual(verdict, { kind, because: [code] });
    assert.deepEqual([findings[0]?.code, findings[0]?.certain], [code, kind === "cannot"]);
  }
  const others: readonly ErrorCode[] = ["ENGINE_FAILED", "CONFIG_INVALID"];
  for (const code of others)
    assert.throws(() => reportOnError("x", new BoxkiteError(code, "own fault")), { code });
  assert.throws(() => reportOnError("x", new TypeError("a bug")), TypeError);
});
