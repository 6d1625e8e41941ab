"""Mode fork: a process for each attempt, forked from this one, which never runs the code of a task, or from a template.

One attempt at a time: the code of one finds no other whose files, memory or variables it could reach.
"""

import os
import signal
import time
from functools import partial

from . import deferred, forked, own_objects, processes, self_test
from .attempt_files import AttemptFiles
from .call import CannotBeRead, Reader
from .forked_attempt import ForkedAttempt
from .poll import Poll
from .protocol import ServerConnection
from .templates import Templates


def serve(options, runtime):
    """Returns in each child, with the order that it carries out."""
    forked.prepare()
    processes.adopt_orphans()
    self_test.run()
    order = Forks(options, runtime).serve()
    deferred.defer()
    if order.get("inputs") is not None:
        _use_own_objects(order, options.directory)
    return order


def _use_own_objects(order, directory):
    """In a child. Where this flyte has another form, a0 reads and writes them as without a worker."""
    from flyte._bin.runtime import main

    try:
        call = Reader(main).read(order["args"], lambda name: order["env"].get(name) or os.environ.get(name))
        own = own_objects.OwnObjects(order["inputs"], call, AttemptFiles(directory, order["id"]))
        own_objects.install(lambda: own)
    except (CannotBeRead, ImportError, AttributeError):
        return


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
        # The one that is not over; and the ids of all.
        self.attempt = None
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
            if self.attempt is None and self.spoiled is None:
                order = self.templates.start(self._leave)
                if order is not None:
                    return order

    def _greeting(self):
        yield self.runtime.ready("fork", known=list(self.known))
        if self.attempt is not None and self.attempt.has_started:
            yield {"event": "started", "id": self.attempt.id}
        if self.spoiled is not None:
            yield {"event": "spoiled", "reason": self.spoiled}

    def _obey(self, order):
        """True in the child that carries it out."""
        if order["op"] == "signal":
            if self.attempt is not None and self.attempt.id == order["id"]:
                self.attempt.send(signal.SIGKILL if order["signal"] == "KILL" else signal.SIGTERM)
            return False
        if order["id"] in self.known:
            return False
        self.known[order["id"]] = True
        return self._start(order)

    def _start(self, order):
        if self.attempt is not None:
            # Its code has written its exit code by itself, or has given this order.
            self._spoil(f"the attempt {self.attempt.id} still ran when another one was to start")
        if self.spoiled is not None:
            self._refuse(order, f"the worker takes no further attempts: {self.spoiled}")
            return False
        try:
            module, template = self.templates.of(order)
            on_imported = partial(self.templates.imported, module) if self.templates.is_wanted(module) else None
            self.attempt = ForkedAttempt(order, self.options.directory, self.poll, self._started, on_imported)
            is_child = self.attempt.fork(template)
        except OSError as error:
            if self.attempt is not None:
                self.attempt.abandon()
                self.attempt = None
            self._refuse(order, f"no process could be made for it: {error}")
            self._spoil(f"no process could be made: {error}")
            return False
        if is_child:
            self.attempt.become(self._leave)
        else:
            self.attempt.begin(self.options.watchdog)
        return is_child

    def _refuse(self, order, reason):
        self._record(order["id"], 1, reason)

    def _leave(self):
        """In a child: what is the parent's."""
        self.signals.leave()
        self.connection.leave()
        self.templates.leave()
        if self.attempt is not None:
            self.attempt.leave()

    def _started(self, attempt):
        self.connection.report("started", id=attempt.id)

    def _seconds(self):
        own = None if self.attempt is None else self.attempt.deadline
        deadlines = [deadline for deadline in (own, self.templates.deadline()) if deadline is not None]
        return max(0, min(deadlines) - time.monotonic()) if deadlines else None

    def _watch(self):
        if self.attempt is not None:
            self.attempt.watch(time.monotonic())
        self.templates.watch(time.monotonic())

    def _reap(self):
        attempt = self.attempt
        while (number := processes.ended()) is not None:
            if attempt is not None and attempt.code is None and number == attempt.process:
                attempt.process_ended()
            else:
                processes.exit_code(number)
                self.templates.ended(number)
        if attempt is None or attempt.code is None:
            return
        orphans = [each for each in processes.children() if each not in self.templates.processes()]
        for number in orphans:
            processes.send(number, signal.SIGKILL)
        if orphans and time.monotonic() < attempt.deadline:
            return
        if orphans:
            self._spoil("processes of an attempt could not be ended")
        self._conclude(attempt)

    def _conclude(self, attempt):
        self._refuse_its_orders()
        self.attempt = None
        attempt.finish()
        self._record(attempt.id, attempt.code, attempt.unstarted)
        threads = processes.threads()
        if len(threads) > len(self.threads):
            self._spoil(f"its threads have changed: {', '.join(threads)}")

    def _refuse_its_orders(self):
        """The server gives the next one when this attempt is over: what is there before is of code of the attempt."""
        if self.spoiled is None:
            self.connection.take_all()
        while self.orders:
            self._obey(self.orders.pop(0))

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
