"""An object that is made when something of it is used."""

import threading


class Lazy:
    """Stands for what `make()` returns."""

    def __init__(self, make):
        self._make = make
        self._made = None
        self._lock = threading.Lock()

    def __getattr__(self, name):
        return getattr(made(self), name)


def made(lazy):
    with lazy._lock:
        if lazy._made is None:
            lazy._made = lazy._make()
    return lazy._made
