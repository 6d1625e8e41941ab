import assert from "node:assert/strict";
import { test } from "node:test";
import { notesHtml, notesSection } from "./notes-section.ts";

test("each note has its image, what was found, and what mends it", () => {
  const notes = [
    { image: "team/app:1", code: "TAR_MISSING", text: "it has no <tar>", mend: "in its Dockerfile: RUN x" },
    { image: "team/b:1", code: "START_FAILED", text: "it cannot be started" },
  ];
  const shown = notesSection({ notes, omitted: 0 }).toString().replaceAll(/\s+/gu, " ");
  assert.match(shown, /<summary>2 notes on this run<\/summary>/u);
  assert.match(shown, /<code>team\/app:1<\/code>: it has no &lt;tar&gt; <span class="quiet">TAR_MISSING</u);
  assert.equal(shown.match(/What to do/gu)?.length, 1);
  assert.match(notesSection({ notes: notes.slice(0, 1), omitted: 0 }).toString(), /1 note on this run/u);
});

test("notes that were not kept are counted", () => {
  const notes = [{ image: "team/b:1", code: "START_FAILED", text: "it cannot be started" }];
  assert.match(notesSection({ notes, omitted: 7 }).toString(), /and 7 more, which are not kept/u);
  assert.doesNotMatch(notesSection({ notes, omitted: 0 }).toString(), /more/u);
});

test("without notes the section is there to be filled, and hidden", () => {
  assert.match(notesHtml(notesSection({ notes: [], omitted: 0 })).toString(), /id="notes".* hidden/u);
});
