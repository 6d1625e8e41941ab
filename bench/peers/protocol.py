"""What every peer written in Python says: one JSON line for each order, with the milliseconds that the work took."""

import json
import os
import sys
import time

# What libraries print, compiled ones too, must not get between the answers.
answers = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)


def serve(shapes):
    """`shapes`: for `one`, `chain` and `fan`, a function of the count that does the work and returns its result."""
    print(json.dumps({"ready": True}), file=answers, flush=True)
    for line in sys.stdin:
        order = json.loads(line)
        started = time.perf_counter()
        result = shapes[order["shape"]](order["count"])
        ms = (time.perf_counter() - started) * 1000
        expected = order["count"]
        assert result == expected, f"{order} gave {result}"
        print(json.dumps({"ms": ms}), file=answers, flush=True)
