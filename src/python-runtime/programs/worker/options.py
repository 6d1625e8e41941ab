"""The arguments of a worker."""

import argparse

MODES = ("one_shot", "fork", "resident")


def parse(arguments):
    parser = argparse.ArgumentParser(prog="worker", allow_abbrev=False)
    parser.add_argument("mode", choices=MODES)
    parser.add_argument("directory", help="of the worker: see src/domain/worker-protocol.ts")
    parser.add_argument("--boot", nargs=2, metavar=("MODE", "RUNTIME"), help="flyte is mounted: as for boot.py")
    parser.add_argument("--a0", metavar="PATH", help="of the image's own a0")
    parser.add_argument("--preload", type=names, metavar="NAMES", help="libraries, with commas")
    parser.add_argument(
        "--without",
        nargs=2,
        default=[],
        action="append",
        metavar=("NAME", "REASON"),
        help="a library that was tried and is left out",
    )
    parser.add_argument(
        "--watchdog", default=30.0, type=float, metavar="SECONDS", help="until a fork has to run the attempt's own code"
    )
    parser.add_argument("--concurrency", default=1, type=int, metavar="N", help="attempts at the same time, if resident")
    options = parser.parse_args(arguments)
    options.without = dict(options.without)
    return options


def names(text):
    return tuple(name for name in text.split(",") if name)
