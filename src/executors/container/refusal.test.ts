import assert from "node:assert/strict";
import { test } from "node:test";
import { ENGINE_INFO } from "../../../test/helpers/engine-info.ts";
import type { AttemptDemands } from "../attempt-options.ts";
import { NO_POLICY, type ConfinementSettings } from "./confinement.ts";
import { refusal, type RefusalContext } from "./refusal.ts";

const CONTEXT: RefusalContext = {
  engine: "docker",
  info: ENGINE_INFO,
  inherited: {},
  policy: NO_POLICY,
  choosesRuntime: true,
  closesNetworks: true,
};

const refusalOf = (asked: Partial<AttemptDemands>, context: Partial<RefusalContext> = {}) =>
  refusal({ requests: {}, limits: {}, ...asked }, { ...CONTEXT, ...context });

const withTemplate = (template: ConfinementSettings) => ({
  policy: { settings: {}, templates: new Map([["debug", template]]) },
});
const DEBUG = { podTemplate: "debug" };

test("podman would ignore a request for GPUs, so it is refused", () => {
  const requests = { gpu: 1 };
  assert.equal(refusalOf({ requests }, { engine: "podman" })?.code, "GPU_NOT_SUPPORTED");
  assert.equal(refusalOf({ requests }), undefined);
  assert.equal(refusalOf({}, { engine: "podman" }), undefined);
});

test("files cannot be put into a root that is read-only, so the combination is refused", () => {
  const closed = { readOnlyRoot: true };
  const inherited = { certificates: "/etc/ssl/cert.pem" };
  const certificates =
    "the attempt asks for readOnlyRoot, which docker beside this machine's certificates cannot give";
  assert.deepEqual(
    [
      refusalOf(closed),
      refusalOf({ ...closed, secretFiles: {} }),
      refusalOf({ ...closed, secretFiles: { "/run/key": "k" } }),
      refusalOf(closed, { inherited }),
      refusalOf(DEBUG, { ...withTemplate({ readOnlyRoot: true }), inherited }),
    ].map((refused) => refused?.message),
    [
      undefined,
      undefined,
      "the attempt asks for secretFiles, which docker beside readOnlyRoot cannot give",
      certificates,
      certificates,
    ],
  );
});

test("docker unpacks no archive into a root that is read-only, podman does", () => {
  const archives = [{ source: "/a.tar", directories: [], target: "/app", owner: { uid: 0, gid: 0 } }];
  const closed = { readOnlyRoot: true, archives };
  assert.match(refusalOf(closed)?.message ?? "", /archives, which docker beside readOnlyRoot cannot give/u);
  assert.equal(refusalOf(closed, { engine: "podman" }), undefined);
  assert.equal(refusalOf({ archives }), undefined);
});

test("a template that the settings do not have is refused by name, with those that there are", () => {
  assert.equal(refusalOf(DEBUG, withTemplate({})), undefined);
  const wrong = refusalOf({ podTemplate: "debag" }, withTemplate({}));
  assert.equal(wrong?.code, "POD_TEMPLATE_UNKNOWN");
  assert.match(wrong.message, /no pod template debag/u);
  assert.match(wrong.hint, /use one of debug, .*podTemplate.*pod-templates/u);
  assert.match(refusalOf(DEBUG)?.hint ?? "", /^leave pod_template/u);
});

test("an OCI runtime that the engine does not have, or that podman elsewhere cannot be asked for, is refused by name", () => {
  const isolated = withTemplate({ isolation: "runsc" });
  assert.equal(refusalOf(DEBUG, isolated), undefined);
  for (const [engine, hint] of [
    ["docker", /daemon\.json: "runtimes"/u],
    ["podman", /\[engine\.runtimes\]/u],
  ] as const) {
    const refused = refusalOf(DEBUG, { ...withTemplate({ isolation: "kata" }), engine });
    assert.equal(refused?.code, "OCI_RUNTIME_UNAVAILABLE");
    assert.match(refused.message, /kata, which is not registered in .*; it has runc, runsc$/u);
    assert.match(refused.hint, hint);
  }
  const elsewhere = refusalOf(DEBUG, { ...isolated, engine: "podman", choosesRuntime: false });
  assert.equal(elsewhere?.code, "OCI_RUNTIME_UNAVAILABLE");
  assert.match(elsewhere.message, /runtime runsc, and podman, .* is on another machine/u);
  assert.equal(refusalOf({}, { engine: "podman", choosesRuntime: false }), undefined);
});

test("no egress is refused where networks cannot be closed, unless the attempt has a network of its own", () => {
  const closed = withTemplate({ egress: "none" });
  assert.equal(refusalOf(DEBUG, closed), undefined);
  assert.match(
    refusalOf(DEBUG, { ...closed, closesNetworks: false })?.message ?? "",
    /egress, which docker as it is run here cannot give/u,
  );
  const own = refusalOf({ ...DEBUG, network: "none" }, { ...closed, closesNetworks: false });
  assert.equal(own, undefined);
});
