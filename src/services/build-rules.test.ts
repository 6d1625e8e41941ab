import assert from "node:assert/strict";
import { suite, test } from "node:test";
import type { Authority } from "../domain/principal.ts";
import { requirePushFor, requireSecretFor } from "./build-rules.ts";

const OPEN: Authority = { kind: "everyone" };
const TOKEN: Authority = { kind: "token", id: "1" };

const run = (place: string, authority: Authority) => {
  const [project = "", domain = ""] = place.split("/");
  return { key: { project, domain, run: "r" }, authority };
};
const secret = (key: string, group = "") => ({ key, group, variable: undefined });
const scopes = {
  secrets: new Map([
    ["BOXKITE_BUILD_SECRET_INDEX_TOKEN", ["team-a", "team-b/production"]],
    ["BOXKITE_BUILD_SECRET_EVERYWHERE", ["*"]],
  ]),
  registries: new Map([
    ["r.example.com", { projects: ["team-a"] }],
    ["other.example.com", {}],
    [
      "shared.example.com",
      {
        projects: ["team-c"],
        repositories: new Map([
          ["team-a", ["team-a"]],
          ["team-a/common", ["*"]],
        ]),
      },
    ],
  ]),
};

suite("who may use what in a build", () => {
  const rows: [string, Authority, ReturnType<typeof secret>, boolean][] = [
    ["team-a/development", TOKEN, secret("index_token"), true],
    ["team-b/production", TOKEN, secret("index_token"), true],
    ["team-b/development", TOKEN, secret("index_token"), false],
    ["team-a-2/production", TOKEN, secret("index_token"), false],
    // Other spellings of the same variable.
    ["team-c/production", TOKEN, secret("INDEX-TOKEN"), false],
    ["team-c/production", TOKEN, secret("token", "index"), false],
    ["team-c/production", TOKEN, secret("everywhere"), true],
    ["team-a/production", TOKEN, secret("not_mentioned"), false],
    ["team-a/production", OPEN, secret("not_mentioned"), true],
    // What the settings say holds where nobody logs in, too.
    ["team-c/production", OPEN, secret("index_token"), false],
  ];
  for (const [place, authority, mount, allowed] of rows) {
    test(`${place}, ${authority.kind}: ${mount.group} ${mount.key}`, () => {
      const ask = () => requireSecretFor(run(place, authority), mount, scopes);
      if (allowed) ask();
      else
        assert.throws(ask, {
          code: "PERMISSION_DENIED",
          hint: new RegExp(`secrets: .*projects: \\[${place}\\]`),
        });
    });
  }

  const pushes: [string, Authority, string, boolean][] = [
    ["team-a/production", TOKEN, "r.example.com/x:1", true],
    ["team-b/production", TOKEN, "r.example.com/x:1", false],
    ["team-b/production", OPEN, "r.example.com/x:1", false],
    ["team-a/production", TOKEN, "other.example.com/x:1", false],
    ["team-a/production", TOKEN, "docker.io/x/y:1", false],
    ["team-a/production", OPEN, "other.example.com/x:1", true],
    ["team-a/production", TOKEN, "shared.example.com/team-a/x:1", true],
    ["team-a/production", TOKEN, "shared.example.com/team-a:1", true],
    ["team-a/production", TOKEN, "shared.example.com/team-ab/x:1", false],
    ["team-a/production", TOKEN, "shared.example.com/x:1", false],
    ["team-b/production", TOKEN, "shared.example.com/team-a/x:1", false],
    ["team-b/production", TOKEN, "shared.example.com/team-a/common/x:1", true],
    ["team-c/production", TOKEN, "shared.example.com/team-a/x:1", false],
    ["team-c/production", TOKEN, "shared.example.com/x/y:1", true],
    // It is pushed nowhere.
    ["team-b/production", TOKEN, "localhost/x:1", true],
  ];
  for (const [place, authority, target, allowed] of pushes) {
    test(`${place}, ${authority.kind}: push ${target}`, () => {
      const ask = () => requirePushFor(run(place, authority), target, scopes);
      if (allowed) ask();
      else assert.throws(ask, { code: "PERMISSION_DENIED", hint: /registries: .*projects:/ });
    });
  }
});
