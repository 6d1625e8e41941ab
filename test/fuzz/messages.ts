/** Random messages of any type, and messages that are valid but for a few fields. */
import {
  create,
  type DescField,
  type DescMessage,
  type DescMethod,
  type Message,
  type MessageInitShape,
  ScalarType,
} from "@bufbuild/protobuf";
import { reflect, type ReflectMessage } from "@bufbuild/protobuf/reflect";
import { enqueueRequest, ROOT, taskSpec } from "../../bench/helpers/requests.ts";
import type { Random } from "../helpers/random.ts";
import { scalarOf } from "./values.ts";

const scope = { project: "flytesnacks", domain: "development" };
const byProject = { case: "projectId", value: { name: scope.project, domain: scope.domain } } as const;
const taskId = { ...scope, name: "bench.task", version: "1" };

/** Requests that are accepted, by the name of the method. */
function validRequest(method: string, random: Random): object {
  const run = random.pick(["held", "r1", "r2", "r3"]);
  const name = random.pick([ROOT, ROOT, "c1", "c2", "q1", "t1"]);
  const runId = { ...scope, name: run };
  const actionId = { run: runId, name };
  const spec = taskSpec({ command: ["true"], image: "image:1" });
  const child = enqueueRequest(run, random.pick(["c1", "c2", `c${random.below(50)}`]), spec);
  const condition = { name: "q1", prompt: "?", type: { type: { case: "simple", value: random.below(6) } } };
  switch (method) {
    case "CreateRun":
      return {
        id: random.chance(0.5)
          ? byProject
          : { case: "runId", value: { ...scope, name: `r${random.below(40)}` } },
        task: random.chance(0.3) ? { case: "taskId", value: taskId } : { case: "taskSpec", value: spec },
      };
    case "Enqueue":
      if (random.chance(0.6)) return child;
      return {
        action: {
          ...child.action,
          actionId: { run: runId, name: random.pick(["q1", "t1"]) },
          spec: random.chance(0.5)
            ? { case: "condition", value: condition }
            : {
                case: "trace",
                value: {
                  name: "t1",
                  phase: random.below(10),
                  outputs: { outputUri: "s3://boxkite/flytesnacks/development/runs/held/t1/outputs.pb" },
                },
              },
        },
      };
    case "DeployTask":
      return { taskId: { ...taskId, version: String(random.below(30)) }, spec };
    case "WatchForUpdates":
      return { filter: { case: "parentActionId", value: { run: runId, name: ROOT } } };
    case "CreateProject":
    case "UpdateProject":
      return { project: { id: random.pick(["fuzz", "p1", "p2"]), name: "fuzz" } };
    case "GetProject":
      return { id: random.pick(["flytesnacks", "fuzz"]) };
    case "ListTasks":
      return { scopeBy: byProject, request: { limit: random.below(5) } };
    case "ListRuns":
      return { scopeBy: byProject, request: { limit: random.below(5) } };
    case "WatchRuns":
      return { target: byProject };
    case "ListVersions":
      return { taskName: taskId };
    case "GetTaskDetails":
      return { taskId };
    case "CreateUploadLocation":
      return {
        ...scope,
        filename: "f",
        filenameRoot: `root${random.below(9)}`,
        contentMd5: Buffer.alloc(16),
      };
    case "UploadInputs":
      return { id: byProject };
    case "CreateDownloadLink":
      return { source: { case: "actionAttemptId", value: { actionId, attempt: 1 } } };
    case "SignalEvent":
      return { actionId: { run: runId, name: "q1" }, payload: { value: { case: "boolValue", value: true } } };
    case "TailLogs":
      return { actionId, attempt: random.below(3) };
    // Seldom, so that runs live on.
    case "AbortRun":
    case "AbortAction":
    case "Abort":
      return {
        runId: { ...scope, name: `r${random.below(40)}` },
        actionId: { run: { ...scope, name: `r${random.below(40)}` }, name },
      };
    default:
      return { runId, actionId };
  }
}

/** For a method: random, or valid, or valid with a few fields that are not. */
export function messageFor(method: DescMethod, random: Random): Message {
  if (random.chance(0.25)) return randomMessage(method.input, random).message;
  const known = new Set(method.input.fields.map(({ localName }) => localName));
  const oneofs = new Set(method.input.oneofs.map(({ localName }) => localName));
  const valid = Object.entries(validRequest(method.name, random)).filter(
    ([field]) => known.has(field) || oneofs.has(field),
  );
  const message = create(method.input, Object.fromEntries(valid) as MessageInitShape<DescMessage>);
  const changes = random.chance(0.25) ? 0 : 1 + random.below(3);
  for (let change = 0; change < changes; change++) changeOne(reflect(method.input, message), random);
  return message;
}

const MAX_DEPTH = 7;
/** Now and then as deep as a decoder may go. */
const DEEP = 90;

export function randomMessage(
  type: DescMessage,
  random: Random,
  most = random.chance(0.01) ? DEEP : MAX_DEPTH,
): ReflectMessage {
  const made = reflect(type);
  // Deep ones are thin: one field that goes on, each time.
  const isDeep = most > MAX_DEPTH;
  const goesOn = isDeep
    ? random.pick([...type.fields.filter(({ message }) => message), undefined])
    : undefined;
  for (const field of type.fields) {
    const isWanted = goesOn === undefined ? random.chance(most > 3 ? 0.5 : 0.25) : field === goesOn;
    if (isWanted && (field.message === undefined || most > 0)) setField(made, field, random, most - 1);
  }
  return made;
}

function changeOne(message: ReflectMessage, random: Random): void {
  if (message.fields.length === 0) return;
  const set = message.fields.filter((field) => message.isSet(field));
  const field = set.length > 0 && random.chance(0.8) ? random.pick(set) : random.pick(message.fields);
  if (field.fieldKind === "message" && message.isSet(field) && random.chance(0.8))
    changeOne(message.get(field), random);
  else if (message.isSet(field) && random.chance(0.15)) message.clear(field);
  else setField(message, field, random, MAX_DEPTH - 3);
}

function setField(message: ReflectMessage, field: DescField, random: Random, most: number): void {
  switch (field.fieldKind) {
    case "scalar":
      return message.set(field, scalarOf(field.scalar, field.localName, random));
    case "enum":
      return message.set(field, enumOf(field, random));
    case "message":
      return message.set(field, randomMessage(field.message, random, most));
    case "list": {
      const list = message.get(field);
      for (let count = random.pick([1, 1, 2, 3]); count > 0; count--)
        list.add(elementOf(field, random, most));
      return;
    }
    case "map": {
      const map = message.get(field);
      for (let count = random.pick([1, 2]); count > 0; count--)
        map.set(scalarOf(field.mapKey, "key", random), elementOf(field, random, most));
      return;
    }
  }
}

function elementOf(field: DescField, random: Random, most: number): unknown {
  if (field.message !== undefined) return randomMessage(field.message, random, most);
  if (field.enum !== undefined) return enumOf(field, random);
  return scalarOf(field.scalar ?? ScalarType.STRING, field.localName, random);
}

function enumOf({ enum: type }: DescField, random: Random): number {
  if (type === undefined || (type.open && random.chance(0.1))) return random.pick([-1, 99, 0x7fffffff]);
  return random.pick(type.values).number;
}
