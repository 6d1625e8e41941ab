"""Mode fork: a process for each attempt, forked from this one, which never runs the code of a task, or from a template."""

import signal
import time
from functools import partial

from . import forked, processes, self_test
from .attempt_files import AttemptFiles
from .forked_attempt import ForkedAttempt
from .poll import Poll
from .protocol import ServerConnection
from .templates import Templates


def serve(options, runtime):
    """Returns in each child, with the order that it carries out."""
    forked.prepare()
    processes.adopt_orphans()
    self_test.run()
    return Forks(options, runtime).serve()


class Forks:
    def __init__(self, options, runtime):
        self.options = options
        self.runtime = runtime
        self.poll = Poll()
        self.signals = processes.ChildSignals(self.poll)
        self.orders = []
        self.connection = ServerConnection(
            options.directory, self._greeting, self.orders.append, self.poll.add_reader, self.poll.remove_reader
        )
        # Those that are not over, by id; and the ids of all.
        self.attempts = {}
        self.known = {}
        self.templates = Templates(self.poll, options.watchdog)
        self.spoiled = None
        self.threads = processes.threads()

    def serve(self):
        self.connection.open()
        while True:
            self.poll.wait(self._seconds())
            self._watch()
            self._reap()
            while self.orders:
                order = self.orders.pop(0)
                if self._obey(order):
                    return order
            if not self.attempts and self.spoiled is None:
                order = self.templates.start(self._leave)
                if order is not None:
                    return order

    def _greeting(self):
        yield self.runtime.ready("fork", known=list(self.known))
        for attempt in self.attempts.values():
            if attempt.has_started:
                yield {"event": "started", "id": attempt.id}
        if self.spoiled is not None:
            yield {"event": "spoiled", "reason": self.spoiled}

    def _obey(self, order):
        """True in the child that carries it out."""
        if order["op"] == "signal":
            attempt = self.attempts.get(order["id"])
            if attempt is not None:
                attempt.send(signal.SIGKILL if order["signal"] == "KILL" else signal.SIGTERM)
            return False
        if order["id"] in self.known:
            return False
        self.known[order["id"]] = True
        return self._start(order)

    def _start(self, order):
        if self.spoiled is not None:
            self._refuse(order, f"the worker takes no further attempts: {self.spoiled}")
            return False
        attempt = None
        try:
            module, template = self.templates.of(order)
            on_imported = partial(self.templates.imported, module) if self.templates.is_wanted(module) else None
            attempt = ForkedAttempt(order, self.options.directory, self.poll, self._started, on_imported)
            self.attempts[attempt.id] = attempt
            is_child = attempt.fork(template)
        except OSError as error:
            if attempt is not None:
                attempt.abandon()
                del self.attempts[attempt.id]
            self._refuse(order, f"no process could be made for it: {error}")
            self._spoil(f"no process could be made: {error}")
            return False
        if is_child:
            attempt.become(self._leave)
        else:
            attempt.begin(self.options.watchdog)
        return is_child

    def _refuse(self, order, reason):
        self._record(order["id"], 1, reason)

    def _leave(self):
        """In a child: what is the parent's."""
        self.signals.leave()
        self.connection.leave()
        self.templates.leave()
        for attempt in self.attempts.values():
            attempt.leave()

    def _started(self, attempt):
        self.connection.report("started", id=attempt.id)

    def _seconds(self):
        deadlines = [attempt.deadline for attempt in self.attempts.values() if attempt.deadline is not None]
        if self.templates.deadline() is not None:
            deadlines.append(self.templates.deadline())
        return max(0, min(deadlines) - time.monotonic()) if deadlines else None

    def _watch(self):
        for attempt in self.attempts.values():
            attempt.watch(time.monotonic())
        self.templates.watch(time.monotonic())

    def _reap(self):
        running = {attempt.process: attempt for attempt in self.attempts.values() if attempt.code is None}
        while (number := processes.ended()) is not None:
            attempt = running.pop(number, None)
            if attempt is not None:
                attempt.process_ended()
            else:
                processes.exit_code(number)
                self.templates.ended(number)
        over = [attempt for attempt in self.attempts.values() if attempt.code is not None]
        if not over:
            return
        # Those of an attempt that still runs cannot be told apart.
        orphans = [] if running else [each for each in processes.children() if each not in self.templates.processes()]
        for number in orphans:
            processes.send(number, signal.SIGKILL)
        for attempt in over:
            if not orphans:
                self._conclude(attempt)
            elif time.monotonic() >= attempt.deadline:
                self._conclude(attempt)
                self._spoil("processes of an attempt could not be ended")

    def _conclude(self, attempt):
        del self.attempts[attempt.id]
        attempt.finish()
        self._record(attempt.id, attempt.code, attempt.unstarted)
        threads = processes.threads()
        if len(threads) > len(self.threads):
            self._spoil(f"its threads have changed: {', '.join(threads)}")

    def _record(self, id, code, unstarted):
        try:
            files = AttemptFiles(self.options.directory, id)
            if unstarted is not None:
                files.write("unstarted", unstarted)
            files.write("exit", str(code))
        except OSError as error:
            self._spoil(f"the end of an attempt could not be written: {error}")
        self.connection.report("exited", id=id, code=code)

    def _spoil(self, reason):
        if self.spoiled is None:
            self.spoiled = reason
            self.connection.report("spoiled", reason=reason)
