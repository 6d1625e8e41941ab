"""flyte's controller of one attempt: it makes children, traces and conditions, and is made when there is one."""

import asyncio
import threading
from contextlib import contextmanager


class AttemptController:
    """`make()` makes the real one. `on_failure(error)` and `on_wait()` are called in the event loop, `loop`."""

    def __init__(self, make, loop, on_failure, on_wait):
        self._make = make
        self._loop = loop
        self._on_failure = on_failure
        self._on_wait = on_wait
        self._real = None
        self._watch = None
        self._lock = threading.Lock()
        self._waiting = 0

    def is_waiting(self):
        """For children, or for conditions."""
        return self._waiting > 0

    def __getattr__(self, name):
        return getattr(self._started(), name)

    async def submit(self, *args, **options):
        with self._wait():
            return await self._started().submit(*args, **options)

    async def submit_task_ref(self, *args, **options):
        with self._wait():
            return await self._started().submit_task_ref(*args, **options)

    async def wait_for_condition(self, *args, **options):
        with self._wait():
            return await self._started().wait_for_condition(*args, **options)

    def submit_sync(self, *args, **options):
        future = self._started().submit_sync(*args, **options)
        self._count(1)
        future.add_done_callback(lambda _: self._count(-1))
        return future

    async def finalize_parent_action(self, action):
        if self._real is not None:
            await self._real.finalize_parent_action(action)

    async def stop(self):
        """It does not leave a thread behind."""
        real = self._real
        if real is None:
            return
        if self._watch is not None:
            self._watch.cancel()
        await real.stop()
        await asyncio.to_thread(_end_threads, real)

    def _started(self):
        with self._lock:
            if self._real is None:
                self._real = self._make()
                self._loop.call_soon_threadsafe(self._begin_watch)
        return self._real

    def _begin_watch(self):
        self._watch = self._loop.create_task(self._watch_for_errors())

    async def _watch_for_errors(self):
        try:
            await self._real.watch_for_errors()
        except Exception as error:
            self._on_failure(error)

    @contextmanager
    def _wait(self):
        self._count(1)
        try:
            yield
        finally:
            self._count(-1)

    def _count(self, change):
        with self._lock:
            self._waiting += change
        if change > 0:
            self._loop.call_soon_threadsafe(self._on_wait)


class Nothing:
    """What the workers of a controller that has stopped take from its queue: then each of them ends."""

    name = "nothing"

    def is_started(self):
        return True

    def is_terminal(self):
        return False


def _end_threads(real):
    """The process of a0 ends with them; flyte has no other way. Of another version they stay, until there are too many."""
    loop, thread = getattr(real, "_loop", None), getattr(real, "_thread", None)
    queue, workers = getattr(real, "_shared_queue", None), getattr(real, "_workers", None)
    if loop and thread and queue and workers:
        for _ in range(workers):
            loop.call_soon_threadsafe(queue.put_nowait, Nothing())
        thread.join(1)
        if not thread.is_alive():
            loop.close()
    submitting = getattr(real, "_submit_loop", None)
    if submitting:
        submitting.call_soon_threadsafe(submitting.stop)
