"""Why a process cannot be a worker."""

import sys

# EX_UNAVAILABLE of sysexits.h.
EXIT_CODE = 69


class Unavailable(Exception):
    """Attempts of this image start without a worker."""


def leave(error):
    print(f"boxkite worker: {error}", file=sys.stderr, flush=True)
    sys.exit(EXIT_CODE)
