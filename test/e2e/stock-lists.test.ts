/** Lists in the stock SDK: every filter, every order, and pages while entries are added. */
import assert from "node:assert/strict";
import { before, test } from "node:test";
import { processSubject, usePython, type Subject } from "../helpers/process-subject.ts";
import { stockPython, type ProgramResult } from "../helpers/stock-sdk.ts";

before(() => usePython(stockPython()));

const FLOW = `
import asyncio, flyte
env = flyte.TaskEnvironment(name="e")
other = flyte.TaskEnvironment(name="other")

@env.task
async def child(x: int) -> int:
    return x

@env.task(entrypoint=True)
async def good(x: int) -> int:
    return await child(x)

@env.task
async def bad(x: int) -> int:
    raise ValueError("no")

@other.task
async def asks(x: int) -> str:
    condition = await flyte.new_condition.aio("ok", prompt="go on?", data_type=bool)
    return str(await condition.wait.aio())

@other.task
async def sleeps(x: int) -> int:
    await asyncio.sleep(600)
    return x
`;

const SETUP = `
import json, sys, time
from datetime import datetime, timedelta, timezone
import flyte, flow
from flyte.models import ActionPhase
from flyte.remote import Action, Condition, Project, Run, Task, TimeFilter, User

def init():
    flyte.init_from_config(sys.argv[1])

def start(name, task, version, **labels):
    return flyte.with_runcontext(name=name, version=version, labels=labels).run(task, x=1)

def now():
    time.sleep(0.01)
    at = datetime.now(timezone.utc)
    time.sleep(0.01)
    return at

def names(**filters):
    return [run.name for run in Run.listall(**filters)]

def refusal(ask):
    try:
        list(ask())
    except Exception as error:
        return str(error)
    return "nothing was refused"

def tell(**answers):
    print(json.dumps(answers, default=str))
`;

const FIVE_RUNS = `
init()
one = start("good-1", flow.good, "v1", team="a")
one.wait(quiet=True)
between = now()
two = start("good-2", flow.good, "v2", team="b", tier="gold")
failing = start("bad-1", flow.bad, "v1", team="a", tier="gold")
asking = start("asks-1", flow.asks, "v1")
sleeping = start("sleeps-1", flow.sleeps, "v1")
two.wait(quiet=True)
failing.wait(quiet=True)
while not list(Condition.listall(run_name="asks-1")):
    time.sleep(0.1)
before_abort = now()
sleeping.abort()
sleeping.wait(quiet=True)
`;

function answersOf(result: ProgramResult): Record<string, unknown> {
  return JSON.parse(result.stdout.trim().split("\n").at(-1) ?? "") as Record<string, unknown>;
}

test("runs, actions, tasks and projects by every filter and order of the SDK", async (t) => {
  const subject = await processSubject(t, FLOW);
  await subject.python(
    "five.py",
    SETUP + FIVE_RUNS + "open('times', 'w').write(f'{between}|{before_abort}')",
  );
  await Promise.all([runFilters(subject), runOrders(subject), actionFilters(subject), refusals(subject)]);
  await taskFilters(subject);
  await projectFilters(subject);
});

async function runFilters(subject: Subject): Promise<void> {
  const result = await subject.python(
    "run_filters.py",
    `${SETUP}
init()
between, before_abort = (datetime.fromisoformat(text) for text in open("times").read().split("|"))
tell(
    all=names(),
    one_phase=names(in_phase=(ActionPhase.FAILED,)),
    phase_by_name=names(in_phase=("aborted",)),
    two_phases=names(in_phase=("succeeded", "failed")),
    task_name=names(task_name="e.good"),
    task_version=names(task_name="e.good", task_version="v2"),
    created_after=names(created_at=TimeFilter(after=between)),
    created_before=names(created_at=TimeFilter(before=between)),
    created_within=names(created_at=TimeFilter(after=between, before=between)),
    updated_after=names(updated_at=TimeFilter(after=before_abort)),
    updated_before=names(updated_at=TimeFilter(before=before_abort)),
    label=names(with_labels={"team": "a"}),
    labels=names(with_labels={"team": "a", "tier": "gold"}),
    label_key=names(with_label_keys=["tier"]),
    label_keys=names(with_label_keys=["tier", "colour"]),
    paused=names(paused_actions_only=True),
    paused_phase=names(in_phase=("paused",)),
    running=names(in_phase=("running", "queued", "initializing")),
    paused_task=names(paused_actions_only=True, task_name="e.good"),
    limited=names(limit=2, sort_by=("created_at", "desc")),
    other_domain=names(domain="staging"),
    me=User.get().subject(),
)
`,
  );
  assert.deepEqual(answersOf(result), {
    all: ["good-1", "good-2", "bad-1", "asks-1", "sleeps-1"],
    one_phase: ["bad-1"],
    phase_by_name: ["sleeps-1"],
    two_phases: ["good-1", "good-2", "bad-1"],
    task_name: ["good-1", "good-2"],
    task_version: ["good-2"],
    created_after: ["good-2", "bad-1", "asks-1", "sleeps-1"],
    created_before: ["good-1"],
    created_within: [],
    updated_after: ["sleeps-1"],
    updated_before: ["good-1", "good-2", "bad-1", "asks-1"],
    label: ["good-1", "bad-1"],
    labels: ["bad-1"],
    label_key: ["good-2", "bad-1"],
    label_keys: [],
    paused: ["asks-1"],
    paused_phase: ["asks-1"],
    running: [],
    paused_task: [],
    limited: ["sleeps-1", "asks-1"],
    other_domain: [],
    me: "",
  });
}

async function runOrders(subject: Subject): Promise<void> {
  const result = await subject.python(
    "run_orders.py",
    `${SETUP}
init()
fields = ["name", "task_name", "task_version", "environment_name", "phase", "created_at", "start_time", "end_time", "updated_at"]
tell(**{f"{field} {way}": names(sort_by=(field, way)) for field in fields for way in ("asc", "desc")})
`,
  );
  const orders = answersOf(result) as Record<string, string[]>;
  const ascending = (field: string) => orders[`${field} asc`];
  assert.deepEqual(ascending("name"), ["asks-1", "bad-1", "good-1", "good-2", "sleeps-1"]);
  assert.deepEqual(ascending("task_name"), ["bad-1", "good-1", "good-2", "asks-1", "sleeps-1"]);
  assert.deepEqual(ascending("task_version"), ["good-1", "bad-1", "asks-1", "sleeps-1", "good-2"]);
  assert.deepEqual(ascending("environment_name"), ["good-1", "good-2", "bad-1", "asks-1", "sleeps-1"]);
  assert.deepEqual(ascending("phase"), ["sleeps-1", "bad-1", "asks-1", "good-1", "good-2"]);
  assert.deepEqual(ascending("created_at"), ["good-1", "good-2", "bad-1", "asks-1", "sleeps-1"]);
  // A run that has not ended comes before those that have.
  assert.equal(ascending("end_time")?.[0], "asks-1");
  assert.equal(ascending("end_time")?.at(-1), "sleeps-1");
  assert.equal(ascending("updated_at")?.at(-1), "sleeps-1");
  for (const [name, order] of Object.entries(orders)) {
    if (name.endsWith(" desc")) assert.deepEqual(order, ascending(name.slice(0, -5))?.toReversed(), name);
  }
}

async function actionFilters(subject: Subject): Promise<void> {
  const result = await subject.python(
    "action_filters.py",
    `${SETUP}
init()
def actions(run, **filters):
    return [action.task_name for action in Action.listall(for_run_name=run, **filters)]
root = Action.get(run_name="good-1", name="a0")
[child] = [action for action in Action.listall(for_run_name="good-1") if action.parent_name]
after_root = root.start_time + timedelta(milliseconds=1)
tell(
    all=actions("good-1"),
    newest=actions("good-1", sort_by=("created_at", "desc")),
    of_root=actions("good-1", parent_name="a0"),
    of_child=actions("good-1", parent_name=child.name),
    failed=actions("bad-1", in_phase=("failed", "aborted")),
    succeeded=actions("bad-1", in_phase=("succeeded",)),
    later=actions("good-1", created_at=TimeFilter(after=after_root)),
    earlier=actions("good-1", created_at=TimeFilter(before=after_root)),
    updated=actions("good-1", updated_at=TimeFilter(before=root.start_time)),
    conditions=[condition.name for condition in Condition.listall(run_name="asks-1")],
)
`,
  );
  assert.deepEqual(answersOf(result), {
    all: ["e.good", "e.child"],
    newest: ["e.child", "e.good"],
    of_root: ["e.child"],
    of_child: [],
    failed: ["e.bad"],
    succeeded: [],
    later: ["e.child"],
    earlier: ["e.good"],
    updated: [],
    conditions: ["ok"],
  });
}

async function refusals(subject: Subject): Promise<void> {
  const result = await subject.python(
    "refusals.py",
    `${SETUP}
init()
tell(
    runs=refusal(lambda: Run.listall(sort_by=("colour", "asc"))),
    actions=refusal(lambda: Action.listall(for_run_name="good-1", sort_by=("colour", "asc"))),
    tasks=refusal(lambda: Task.listall(sort_by=("colour", "asc"))),
    projects=refusal(lambda: Project.listall(filters="eq(colour, red)")),
    text=refusal(lambda: Project.listall(filters="colour is red")),
    user=[run.name for run in Run.listall(created_by_subject="somebody")],
    project=refusal(lambda: Run.listall(project="nowhere")),
    run=refusal(lambda: Action.listall(for_run_name="nothing")),
)
`,
  );
  const told = answersOf(result) as Record<string, string | undefined>;
  for (const list of ["runs", "actions", "tasks", "projects"])
    assert.match(told[list] ?? "", /no field "colour"/);
  assert.match(told["text"] ?? "", /"colour is red" is not understood/);
  assert.deepEqual(told["user"], []);
  assert.match(told["project"] ?? "", /no project "nowhere"/);
  assert.match(told["run"] ?? "", /no run nothing in flytesnacks\/development/);
}

async function taskFilters(subject: Subject): Promise<void> {
  const result = await subject.python(
    "task_filters.py",
    `${SETUP}
init()
for version in ("1", "2"):
    flyte.deploy(flow.env, version=version)
flyte.deploy(flow.other, version="1")
def tasks(**filters):
    return [f"{task.name} {task.version}" for task in Task.listall(**filters)]
tell(
    named=tasks(by_task_name="e.good"),
    environment=tasks(by_task_env="other", sort_by=("name", "asc")),
    entrypoints=tasks(entrypoint=True),
    helpers=tasks(entrypoint=False, sort_by=("name", "desc")),
    limited=tasks(limit=1, sort_by=("name", "asc")),
)
`,
  );
  assert.deepEqual(answersOf(result), {
    named: ["e.good 2"],
    environment: ["other.asks 1", "other.sleeps 1"],
    entrypoints: ["e.good 2"],
    helpers: ["other.sleeps 1", "other.asks 1", "e.child 2", "e.bad 2"],
    limited: ["e.bad 2"],
  });
}

async function projectFilters(subject: Subject): Promise<void> {
  const result = await subject.python(
    "project_filters.py",
    `${SETUP}
init()
for name in ("alpha", "beta", "gamma"):
    Project.create(id=name, name=name.upper(), description=f"team {name}", labels={"team": name})
Project.update(id="beta", state="archived")
Project.update(id="alpha", description="", labels={})
def projects(**filters):
    return [project.pb2.id for project in Project.listall(**filters)]
alpha = Project.get("alpha")
tell(
    active=projects(),
    archived=projects(archived=True),
    newest=projects(sort_by=("created_at", "desc")),
    by_name=projects(sort_by=("name", "asc")),
    named=projects(filters="eq(name, GAMMA)"),
    several=projects(filters="value_in(id, alpha;gamma)+contains(description, gamma)"),
    cleared=[alpha.pb2.name, alpha.pb2.description, dict(alpha.pb2.labels.values)],
    kept=dict(Project.get("beta").pb2.labels.values),
)
`,
  );
  assert.deepEqual(answersOf(result), {
    active: ["flytesnacks", "alpha", "gamma"],
    archived: ["beta"],
    newest: ["gamma", "alpha", "flytesnacks"],
    by_name: ["alpha", "gamma", "flytesnacks"],
    named: ["gamma"],
    several: ["gamma"],
    cleared: ["ALPHA", "", {}],
    kept: { team: "beta" },
  });
}

test("pages repeat and omit nothing while runs are added between them", async (t) => {
  // All but one wait in the queue, which costs nothing.
  const subject = await processSubject(t, FLOW, ["--max-parallel", "1"]);
  const result = await subject.python(
    "pages.py",
    `${SETUP}
import asyncio
init()
async def add(names):
    for name in names:
        await flyte.with_runcontext(name=name, version="v1", copy_style="none").run.aio(flow.sleeps, x=1)

async def listed(way, added):
    seen = []
    async for run in Run.listall.aio(limit=10_000, sort_by=("created_at", way)):
        seen.append(run.name)
        # In the middle of the first page, and on the border to the second.
        if len(seen) in (50, 100):
            await add(f"{added}-{len(seen)}-{n}" for n in range(3))
    return seen

async def main():
    await add(f"run-{n:03}" for n in range(120))
    tell(newest=await listed("desc", "while"), oldest=await listed("asc", "then"))

asyncio.run(main())
`,
  );
  const { newest, oldest } = answersOf(result) as Record<string, string[]>;
  const first = Array.from({ length: 120 }, (_, n) => `run-${String(n).padStart(3, "0")}`);
  const added = (name: string) => [50, 100].flatMap((at) => [0, 1, 2].map((n) => `${name}-${at}-${n}`));
  assert.deepEqual(newest, first.toReversed());
  assert.deepEqual(oldest, [...first, ...added("while"), ...added("then")]);
});
