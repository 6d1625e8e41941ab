import assert from "node:assert/strict";
import { test } from "node:test";
import { notesHtml, notesSection } from "./notes-section.ts";

test("each note has its image, what was found, and what mends it", () => {
  const notes = [
    { image: "team/app:1", code: "TAR_MISSING", text: "it has no <tar>", mend: "in its Dockerfile: RUN x" },
    { image: "team/b:1", code: "START_FAILED", text: "it cannot be started" },
  ];
  const shown = notesSection(notes).toString().replaceAll(/\s+/gu, " ");
  assert.match(shown, /<summary>2 notes on its images<\/summary>/u);
  assert.match(shown, /<code>team\/app:1<\/code>: it has no &lt;tar&gt; <span class="quiet">TAR_MISSING</u);
  assert.equal(shown.match(/What to do/gu)?.length, 1);
  assert.match(notesSection(notes.slice(0, 1)).toString(), /1 note on its images/u);
});

test("without notes the section is there to be filled, and hidden", () => {
  assert.match(notesHtml(notesSection([])).toString(), /id="notes".* hidden/u);
});
