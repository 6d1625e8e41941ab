"""Loads the runtime, then leaves the process to the mode.

A mode is a module of this package with

    def serve(options, runtime): …

It returns None when the worker is over, or the start order of the attempt that this process becomes: that of a one-shot
worker, and in mode fork each child. Then a0 runs and ends as if the interpreter had been started for it.
It may raise Unavailable until its socket is there.
"""

import importlib

from .errors import Unavailable, leave
from .options import parse
from .program import Program
from .runtime import load


def main(arguments):
    options = parse(arguments)
    try:
        program = Program(options)
        runtime = load(options)
        order = importlib.import_module(f"{__package__}.{options.mode}").serve(options, runtime)
    except Unavailable as error:
        leave(error)
    if order is not None:
        program.run(order)
