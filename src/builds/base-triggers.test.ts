import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { refuseReachingTriggers } from "./base-triggers.ts";

const check = (createdBy: string) => refuseReachingTriggers("team/base:1", [{ createdBy, sizeBytes: 0 }]);

suite("ONBUILD instructions of a base", () => {
  for (const createdBy of [
    "/bin/sh -c #(nop) ONBUILD RUN --mount=type=bind,from=localhost/other:1,target=/x cp -r /x /y",
    "/bin/sh -c #(nop)  ONBUILD COPY --from=localhost/other:1 / /stolen",
    "ONBUILD RUN --network=host curl http://127.0.0.1",
    "ONBUILD RUN --security=insecure id",
    "ONBUILD RUN true\nCOPY x y",
  ]) {
    test(`${createdBy} is refused`, () =>
      assert.throws(() => check(createdBy), {
        code: "IMAGE_BUILD_FAILED",
        message: /team\/base:1.*ONBUILD/s,
        hint: /--mount/,
      }));
  }

  for (const createdBy of ["ONBUILD COPY . /app", "RUN echo ONBUILD --mount", "/bin/sh -c true --from=x"]) {
    test(`${createdBy} is not`, () => check(createdBy));
  }
});
