"""os.environ of a process in which attempts with variables of their own run."""

import os

from .resident_current import current

Plain = type(os.environ)


class Variables:
    """Those of an attempt.

    `own` are seen by the attempt only, by os.environ and os.getenv: children that it starts, and libraries in C, have the
    variables of the process. Whatever else it sets or removes is so for the process until the attempt is over.
    """

    def __init__(self, own):
        self.own = dict(own)
        self.before = {}

    def restore(self):
        for name, value in self.before.items():
            if value is not None:
                Plain.__setitem__(os.environ, name, value)
            elif _is_set(name):
                Plain.__delitem__(os.environ, name)


class Environ(Plain):
    def __getitem__(self, name):
        own = _own()
        if name not in own:
            return Plain.__getitem__(self, name)
        if own[name] is None:
            raise KeyError(name)
        return own[name]

    def __setitem__(self, name, value):
        if name in _own():
            self.encodevalue(value)
            _own()[name] = value
            return
        self._note(name)
        Plain.__setitem__(self, name, value)

    def __delitem__(self, name):
        if name in _own():
            self[name]
            _own()[name] = None
            return
        self._note(name)
        Plain.__delitem__(self, name)

    def __iter__(self):
        own = _own()
        yield from (name for name in Plain.__iter__(self) if name not in own)
        yield from (name for name, value in own.items() if value is not None)

    def __len__(self):
        return sum(1 for _ in self)

    def _note(self, name):
        attempt = current()
        if attempt is not None and name not in attempt.variables.before:
            attempt.variables.before[name] = self.get(name)


def _is_set(name):
    try:
        Plain.__getitem__(os.environ, name)
    except KeyError:
        return False
    return True


def install():
    os.environ.__class__ = Environ


def _own():
    attempt = current()
    return {} if attempt is None else attempt.variables.own
