"""Starts `drive` once for each mode, waits for all of them, and prints what became of their actions as JSON."""

import json
import sys

import flyte
from flyte.remote import Action, Run

import flow

config, runtime, cases, pause, *modes = sys.argv[1:]
flyte.init_from_config(config, images=(f"runtime={runtime}",))
runs = {}
for mode in modes:
    variables = {"OF_RUN": "1", **({} if mode == "resident" else {"BOXKITE_WARM_START": mode})}
    runs[mode] = flyte.with_runcontext(env_vars=variables).run(flow.drive, cases, mode, float(pause)).name
found = {}
for mode, name in runs.items():
    run = Run.get(name)
    run.wait(quiet=True)
    run = Run.get(name)
    outputs = run.outputs() if "SUCC" in str(run.phase).upper() else None
    found[mode] = {
        "run": name,
        "phase": str(run.phase),
        "error": str(run.details().action_details.error_info),
        "outcomes": outputs and json.loads(outputs[0]),
        "actions": [action.name for action in Action.listall(for_run_name=name)],
    }
print(json.dumps(found))
