import assert from "node:assert/strict";
import { test } from "node:test";
import { create } from "@bufbuild/protobuf";
import { ListRequestSchema, Sort_Direction } from "./gen/flyteidl2/common/list_pb.js";
import { decodeListRequest } from "./list-request.ts";

const ascending = (key: string) => ({ key, direction: Sort_Direction.ASCENDING });

test("a list has one order, and a second one is refused wherever it is given", () => {
  const decode = (request: object) => decodeListRequest(create(ListRequestSchema, request));
  const sort = { field: "name", ascending: true };
  assert.deepEqual(decode({ sortBy: ascending("name") }).sort, sort);
  assert.deepEqual(decode({ sortByFields: [ascending("name")] }).sort, sort);
  const second = [ascending("name"), ascending("created_at")];
  for (const request of [{ sortByFields: second }, { sortBy: second[0], sortByFields: [second[1]] }])
    assert.throws(() => decode(request), /more than one order/u);
});
