import assert from "node:assert/strict";
import { test } from "node:test";
import { assertAuthorsWords } from "../../test/helpers/authors-words.ts";
import { requireShortName, requireShortTexts } from "./short-texts.ts";

test("labels have at most 256 KiB together", () => {
  const most = { team: "x".repeat(256 * 1024 - "teama1".length), a: "1" };
  assert.equal(requireShortTexts(most, "labels"), most);
  assert.throws(
    () => requireShortTexts({ ...most, b: "" }, "labels"),
    (error) => {
      assertAuthorsWords(error);
      assert.match(error.message, /^the labels of the run have 262,145 bytes.*the largest is "team"$/u);
      return true;
    },
  );
});

test("a name has at most 512 characters, and is not repeated whole", () => {
  assert.equal(requireShortName("n".repeat(512), "the name"), "n".repeat(512));
  assert.throws(
    () => requireShortName("n".repeat(10_000), "the name of the task"),
    (error) => {
      assertAuthorsWords(error);
      assert.match(error.message, /^the name of the task is too long: "n{64}"… \(10,000 characters\)$/u);
      return true;
    },
  );
});
