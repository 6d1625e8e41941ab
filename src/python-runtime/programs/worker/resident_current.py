"""Which attempt running code belongs to."""

import threading
from concurrent.futures import ThreadPoolExecutor
from contextvars import ContextVar

_current = ContextVar("boxkite_attempt", default=None)


def current():
    """None outside of attempts."""
    return _current.get()


def enter(attempt):
    """All that this context does from now on belongs to it."""
    _current.set(attempt)


def follow_threads():
    """From now on threads that an attempt starts, and calls that it gives to pools of threads, belong to it."""
    start = threading.Thread.start
    submit = ThreadPoolExecutor.submit

    def start_in_attempt(thread):
        attempt = current()
        if attempt is not None:
            thread.run = _belonging(attempt, thread.run)
        start(thread)

    def submit_in_attempt(pool, function, /, *args, **options):
        attempt = current()
        if attempt is not None:
            function = _belonging(attempt, function)
        return submit(pool, function, *args, **options)

    threading.Thread.start = start_in_attempt
    ThreadPoolExecutor.submit = submit_in_attempt


def _belonging(attempt, function):
    def call(*args, **options):
        # Not the whole context: with flyte's, a task that a thread calls would become a child of the action.
        token = _current.set(attempt)
        try:
            with attempt.configured():
                return function(*args, **options)
        finally:
            _current.reset(token)

    return call
