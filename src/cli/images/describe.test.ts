import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { formatBytes, instructionOf } from "./describe.ts";

suite("layers as engines write them down", () => {
  for (const [written, read] of [
    ['/bin/sh -c #(nop)  CMD ["bash"]', 'CMD ["bash"]'],
    ["/bin/sh -c #(nop) ENV A=1", "ENV A=1"],
    ["|2 SSL=/a b=c /bin/sh -c #(nop) LABEL x=y", "LABEL x=y"],
    ["|2 SSL=/a b=c /bin/sh -c echo one >\t/two", "RUN echo one > /two"],
    ["/bin/sh -c make", "RUN make"],
    ["|1 A=b /bin/sh -c --mount=type=cache,id=x --mount=type=bind,source=y make all", "RUN make all"],
    ["RUN |1 A=b /bin/sh -c make # buildkit", "RUN make"],
    ["RUN /bin/sh -c make # buildkit", "RUN make"],
    ["COPY context/a . # buildkit", "COPY context/a ."],
    ["", ""],
  ] as const) {
    test(`"${written}"`, () => assert.equal(instructionOf(written), read));
  }

  test("sizes", () => {
    assert.deepEqual([0, 999, 1_500, 20_400_000].map(formatBytes), ["0 B", "999 B", "2 kB", "20 MB"]);
  });
});
