import assert from "node:assert/strict";
import { test } from "node:test";
import { BoxkiteError } from "../domain/errors.ts";
import {
  formatImageReference,
  isEngineLocalName,
  parseImageReference,
  pinnedReference,
} from "./reference.ts";

const DIGEST = `sha256:${"a".repeat(64)}`;

test("references are completed as docker and podman do", () => {
  const full: Record<string, string> = {
    python: "docker.io/library/python:latest",
    "python:3.11-slim": "docker.io/library/python:3.11-slim",
    "team/app": "docker.io/team/app:latest",
    "index.docker.io/python": "docker.io/library/python:latest",
    "localhost/app:1": "localhost/app:1",
    "localhost:5000/a/b/c": "localhost:5000/a/b/c:latest",
    "registry.example.com/x:y_Z": "registry.example.com/x:y_Z",
    "127.0.0.1:5000/x": "127.0.0.1:5000/x:latest",
    [`host:1/x@${DIGEST}`]: `host:1/x@${DIGEST}`,
    [`host.io/x:tag@${DIGEST}`]: `host.io/x:tag@${DIGEST}`,
    "ghcr.io/flyteorg/flyte:py3.11-v2.12.1": "ghcr.io/flyteorg/flyte:py3.11-v2.12.1",
    "a__b/c--d.e:1": "docker.io/a__b/c--d.e:1",
  };
  for (const [text, expected] of Object.entries(full)) {
    assert.equal(formatImageReference(parseImageReference(text)), expected, text);
    assert.equal(formatImageReference(parseImageReference(expected)), expected, "the full form is stable");
  }
});

test("only podman's own names are local to the engine", () => {
  assert.equal(isEngineLocalName(parseImageReference("localhost/app")), true);
  assert.equal(isEngineLocalName(parseImageReference("localhost:5000/app")), false);
});

test("a pinned reference has a digest and no tag", () => {
  assert.equal(
    pinnedReference(parseImageReference("python:3"), DIGEST),
    `docker.io/library/python@${DIGEST}`,
  );
});

test("each mistake has a message of its own and a hint", () => {
  const mistakes: Record<string, RegExp> = {
    "": /empty/,
    "  ": /empty/,
    "<your-registry>/app:1": /placeholder <your-registry>/,
    "registry/${TAG}": /placeholder \{TAG\}/,
    "a b": /white space/,
    "https://host.io/app": /no scheme/,
    "host.io/Team/App:1": /upper-case/,
    App: /upper-case/,
    "Team/App:1": /upper-case/,
    "Team/app:1": /upper-case/,
    "host.io/app:": /tag after the colon is missing/,
    [`app:@${DIGEST}`]: /tag after the colon is missing/,
    "[::1]:5000/x": /no IPv6 address/,
    "[fd00::7]/x:1": /no IPv6 address/,
    "[::1": /not a tag/,
    "::1/x": /not a registry host/,
    "localhost:5000": /names a registry, but no repository/,
    "192.0.2.1:5000": /names a registry, but no repository/,
    "host.io/app:a:b": /not a tag/,
    "app@sha256:123": /not a digest/,
    "app@md5:00": /not a digest/,
    "host.io//app": /empty/,
    "host.io/": /empty/,
    "-host.io/app": /not a registry host/,
    "host.io:99999/app": /not a port/,
    app_: /cannot be part/,
    [`${"a".repeat(256)}/x`]: /longer/,
  };
  for (const [text, pattern] of Object.entries(mistakes)) {
    assert.throws(
      () => parseImageReference(text),
      (error: unknown) =>
        error instanceof BoxkiteError &&
        error.code === "IMAGE_REFERENCE_INVALID" &&
        pattern.test(error.message) &&
        error.hint !== undefined,
      JSON.stringify(text),
    );
  }
});

test("the hint has what to write instead", () => {
  const instead: Record<string, string> = {
    "https://host.io/app": '"host.io/app"',
    "host.io/Team/App:Tag": '"host.io/team/app:Tag"',
    "Team/App:Tag": '"team/app:Tag"',
    App: '"app"',
    "host.io/app:": "host.io/app:TAG, or host.io/app",
    "[::1]:5000/x:1": '"localhost:5000/x:1"',
    "[0:0:0:0:0:0:0:1]/x": '"localhost/x"',
    "[fd00::7]:5000/x": '"NAME:5000/x"',
    "localhost:5000": "localhost:5000/NAME:TAG",
  };
  for (const [text, hint] of Object.entries(instead)) {
    assert.throws(
      () => parseImageReference(text),
      (error: unknown) => error instanceof BoxkiteError && (error.hint ?? "").includes(`write ${hint}`),
      text,
    );
  }
});
