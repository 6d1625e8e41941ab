import assert from "node:assert/strict";
import { test } from "node:test";
import { ENGINE_INFO } from "../../../test/helpers/engine-info.ts";
import type { AttemptSpec } from "../executor.ts";
import {
  capabilitiesOf,
  CAPABILITIES,
  confine,
  confinementNote,
  memoryLimitOfMachine,
  NO_POLICY,
  type Confinement,
  type ConfinementPolicy,
  type ConfinementSettings,
} from "./confinement.ts";
import { confinementFields, memoryLimitOf, optionFields } from "./container-options.ts";

const SPEC: AttemptSpec = {
  key: { project: "p", domain: "d", run: "r1", action: "a0", attempt: 1 },
  image: { reference: "app:1", pinned: "h/app@sha256:1", digest: "sha256:1", source: "registry" },
  command: [],
  args: [],
  env: {},
  requests: {},
  limits: {},
  labels: {},
};
const GIB = 2 ** 30;

const withTemplate = (template: ConfinementSettings, settings: ConfinementSettings = {}) => {
  const policy: ConfinementPolicy = { settings, templates: new Map([["debug", template]]) };
  return { policy, spec: { ...SPEC, podTemplate: "debug" } };
};

test("without settings a container has eight capabilities, no new privileges, and limits", () => {
  const fields = confinementFields(confine(SPEC, NO_POLICY), "docker", ENGINE_INFO);
  assert.deepEqual(fields, {
    CapDrop: ["ALL"],
    CapAdd: [...CAPABILITIES],
    SecurityOpt: ["no-new-privileges"],
    PidsLimit: 4096,
  });
  assert.equal(confinementNote(SPEC, NO_POLICY), undefined);
});

test("a template goes before the settings, and the attempt can only ask for more confinement", () => {
  const { policy, spec } = withTemplate(
    { noNewPrivileges: false, addCapabilities: ["SYS_PTRACE"], maxProcesses: 100 },
    { maxProcesses: 50, readOnlyRoot: true, isolation: "runsc" },
  );
  const confinement = confine(spec, policy);
  assert.deepEqual(confinementFields(confinement, "docker", ENGINE_INFO), {
    CapDrop: ["ALL"],
    CapAdd: [...CAPABILITIES, "SYS_PTRACE"],
    ReadonlyRootfs: true,
    PidsLimit: 100,
    Runtime: "runsc",
  });
  const stricter = confine(
    { ...spec, noNewPrivileges: true, droppedCapabilities: ["CHOWN", "SYS_PTRACE"] },
    policy,
  );
  assert.equal(stricter.noNewPrivileges, true);
  assert.deepEqual(
    capabilitiesOf(stricter),
    CAPABILITIES.filter((name) => name !== "CHOWN"),
  );
  assert.deepEqual(capabilitiesOf(confine({ ...spec, droppedCapabilities: ["ALL"] }, policy)), []);
});

test("on podman nothing is added by default, since that would reach processes of every user", () => {
  const { policy, spec } = withTemplate({ addCapabilities: ["SYS_PTRACE"], dropCapabilities: ["CHOWN"] });
  const fieldsOf = (confinement: Confinement) =>
    confinementFields(confinement, "podman", ENGINE_INFO) as {
      readonly CapDrop: string[];
      readonly CapAdd: string[];
    };
  const usual = fieldsOf(confine(SPEC, NO_POLICY));
  assert.deepEqual(usual.CapAdd, []);
  for (const name of ["MKNOD", "NET_RAW", "SYS_ADMIN", "SETFCAP"])
    assert.ok(usual.CapDrop.includes(name), name);
  for (const name of CAPABILITIES) assert.ok(!usual.CapDrop.includes(name), name);
  const changed = fieldsOf(confine(spec, policy));
  assert.deepEqual(changed.CapAdd, ["SYS_PTRACE"]);
  assert.ok(changed.CapDrop.includes("CHOWN") && !changed.CapDrop.includes("SYS_PTRACE"));
  assert.deepEqual(fieldsOf(confine({ ...SPEC, droppedCapabilities: ["ALL"] }, NO_POLICY)).CapDrop, ["ALL"]);
});

test("beside a root that is read-only, /tmp and what the template names can be written", () => {
  const { policy, spec } = withTemplate({ readOnlyRoot: true, writable: ["/app"] });
  const { body } = optionFields({ ...spec, scratch: [{ target: "/data" }] }, confine(spec, policy));
  assert.deepEqual(body, { Volumes: { "/data": {}, "/tmp": {}, "/app": {} } });
});

test("a task that asks for no memory may use the machine's less 1 GiB or 10 %", () => {
  assert.equal(memoryLimitOfMachine(64 * GIB), 57.6 * GIB);
  assert.equal(memoryLimitOfMachine(4 * GIB), 3 * GIB);
  assert.equal(memoryLimitOfMachine(GIB), GIB / 2);
  const of = (spec: AttemptSpec, settings: ConfinementSettings = {}, info = ENGINE_INFO) =>
    memoryLimitOf(spec, confine(spec, { settings, templates: new Map() }), info);
  assert.equal(of(SPEC), Math.floor(57.6 * GIB));
  assert.equal(of({ ...SPEC, limits: { memoryBytes: 5e6 } }, { memoryLimit: false }), 5e6);
  assert.equal(of(SPEC, { memoryLimit: false }), undefined);
  assert.equal(of(SPEC, {}, { ...ENGINE_INFO, memoryBytes: 0 }), undefined);
  assert.equal(of(SPEC, {}, { ...ENGINE_INFO, limits: { cpu: true, memory: false, pids: true } }), undefined);
});

test("what differs from the defaults is told with who said so", () => {
  const { policy, spec } = withTemplate({
    noNewPrivileges: false,
    addCapabilities: ["SYS_PTRACE"],
    dropCapabilities: ["CHOWN"],
    maxProcesses: 9,
    memoryLimit: false,
    readOnlyRoot: true,
    writable: ["/app"],
    isolation: "runsc",
  });
  assert.equal(
    confinementNote(spec, policy),
    "by the pod template debug: programs may gain privileges (setuid); capabilities added: SYS_PTRACE; capabilities dropped: CHOWN; at most 9 processes; no memory limit unless the task asks for one; only /tmp, /app can be written; OCI runtime runsc",
  );
  const settings = { settings: { isolation: "runsc" }, templates: new Map() };
  assert.equal(confinementNote(SPEC, settings), "by the server's settings: OCI runtime runsc");
  const same = withTemplate({});
  assert.match(confinementNote(same.spec, same.policy) ?? "", /debug: nothing differs/u);
});
