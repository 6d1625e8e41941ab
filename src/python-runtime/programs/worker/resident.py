"""Mode resident: attempts of one version of the code follow one another in this process, whose modules keep their state.

With `--concurrency 1` an attempt has the process for itself (resident_alone.py); with more, attempts share it
(resident_shared.py, resident_turns.py).

Attempts run in the event loop of the main thread, as with a0. Orders are read in a thread of their own, so that an attempt
that keeps the loop busy can be ended. TERM cancels an async task, or calls the handler that the attempt has set for SIGTERM.
Nothing interrupts a sync task: where it is the only attempt, the process ends with it. KILL ends the process a second
later, if the attempt has not ended until then, and with it all attempts.
"""

import asyncio
import contextvars
import faulthandler
import gc
import os
import signal
import sys
import threading
import traceback

from . import memory, resident_current, resident_environ
from .attempt_files import AttemptFiles
from .boot import BOOT
from .call import Reader
from .errors import EXIT_CODE
from .poll import Poll
from .program import main_module
from .protocol import ServerConnection
from .resident_alone import Alone, flush
from .resident_attempt import INTERRUPTED, SIGNALLED, Attempt, NotStarted, exit_code
from .resident_code import Code
from .resident_current import current
from .resident_health import Health
from .resident_sdk import Sdk
from .resident_shared import Shared
from .resident_turns import Turns

OBEY_SECONDS = 1


def serve(options, runtime):
    Worker(options, runtime).run()


class Worker:
    def __init__(self, options, runtime):
        self.directory = options.directory
        self.runtime = runtime
        self.attempts = {}
        self.why_spoiled = None
        self.loop = asyncio.new_event_loop()
        asyncio.set_event_loop(self.loop)
        self.is_alone = options.concurrency == 1
        sys.modules["__main__"] = main_module(BOOT if options.boot else options.a0)
        # Before flyte makes the handlers of its loggers.
        self.surroundings = Alone("a0" if options.boot else options.a0) if self.is_alone else Shared()
        self.alone = asyncio.Lock()
        resident_environ.install()
        resident_current.follow_threads()
        self.sdk = Sdk()
        self.loop.run_until_complete(self.sdk.open())
        self.loop.set_task_factory(_make_task)
        faulthandler.register(signal.SIGUSR1)
        self.turns = Turns()
        self.code = Code(self.sdk)
        self.reader = Reader(self.sdk.command)
        self.health = Health(memory.available())
        self.poll = Poll()
        self.connection = ServerConnection(
            self.directory, self._greeting, self._on_order, self.poll.add_reader, self.poll.remove_reader
        )

    def run(self):
        gc.collect()
        gc.freeze()
        self.connection.open()
        threading.Thread(target=self._read_orders, name="boxkite-orders", daemon=True).start()
        while True:
            try:
                self.loop.run_forever()
            except (SystemExit, KeyboardInterrupt) as error:
                self._escaped(error)

    def variable(self, name):
        """That of the process; None where it is not set."""
        return os.environ.get(name)

    def spoil(self, reason):
        if self.why_spoiled is None:
            self.why_spoiled = reason
            self.connection.report("spoiled", reason=reason)

    def started(self, attempt):
        self.connection.report("started", id=attempt.id)

    # In the thread that reads orders.

    def _read_orders(self):
        while True:
            self.poll.wait()

    def _greeting(self):
        known = [name for name in self._directories() if name in self.attempts or self._is_over(name)]
        spoiled = [] if self.why_spoiled is None else [{"event": "spoiled", "reason": self.why_spoiled}]
        return [self.runtime.ready("resident", known), *spoiled]

    def _directories(self):
        try:
            return os.listdir(os.path.join(self.directory, "attempts"))
        except FileNotFoundError:
            return []

    def _is_over(self, name):
        return os.path.exists(os.path.join(self.directory, "attempts", name, "exit"))

    def _on_order(self, order):
        if order["op"] == "start":
            self.loop.call_soon_threadsafe(self._start, order)
        elif order["signal"] == "KILL":
            self._kill(order["id"])
        else:
            self.loop.call_soon_threadsafe(self._terminate, order["id"])

    def _kill(self, name):
        attempt = self.attempts.get(name)
        if attempt is None:
            return
        self.loop.call_soon_threadsafe(self._cancel, attempt, SIGNALLED + signal.SIGKILL)
        timer = threading.Timer(OBEY_SECONDS, self._end_process, [attempt, SIGNALLED + signal.SIGKILL])
        timer.daemon = True
        timer.start()

    def _end_process(self, attempt, code):
        """The attempt cannot be ended in another way. The server ends the others."""
        if self.attempts.get(attempt.id) is attempt:
            attempt.files.write("exit", str(code))
            self.connection.report("exited", id=attempt.id, code=code)
            os._exit(code)

    # In the event loop.

    def _start(self, order):
        name = order["id"]
        if name in self.attempts or self._is_over(name):
            return
        try:
            files = AttemptFiles(self.directory, name)
            if self.why_spoiled is not None:
                raise NotStarted(self.why_spoiled)
            call = self.reader.read(order["args"], lambda each: order["env"].get(each) or self.variable(each))
            if call.debug:
                raise NotStarted("it is to be debugged")
            if self.code.is_other(call):
                raise NotStarted("another version of its code is loaded")
            attempt = Attempt(order, call, files, self)
        except Exception as error:
            self._refuse(name, error)
            return
        self.attempts[name] = attempt
        # In a context of its own.
        attempt.main = contextvars.copy_context().run(self.loop.create_task, self._live(attempt))

    async def _live(self, attempt):
        try:
            if self.is_alone:
                async with self.alone:
                    code = await attempt.run(self.surroundings)
            else:
                code = await attempt.run(self.surroundings)
        except NotStarted as reason:
            self._refuse(attempt.id, reason)
        except asyncio.CancelledError:
            # It waited for its turn.
            self._finish(attempt, attempt.ended_by)
        except Exception:
            # Its files cannot be written: the server ends what this process ran.
            traceback.print_exc(file=sys.__stderr__)
            os._exit(EXIT_CODE)
        else:
            self._finish(attempt, code)

    def _refuse(self, name, error):
        """None of its own code has run."""
        reason = str(error) or type(error).__name__
        self.attempts.pop(name, None)
        try:
            files = AttemptFiles(self.directory, name)
            files.write("unstarted", reason)
            files.write("exit", str(EXIT_CODE))
        except OSError as full:
            # For a server that was restarted meanwhile, this worker has never had the attempt.
            self.spoil(f"its directory cannot be written: {full}")
        self.connection.report("exited", id=name, code=EXIT_CODE)

    def _finish(self, attempt, code):
        is_idle = len(self.attempts) == 1
        self.sdk.forget_objects(is_idle)
        problem = self.health.problem(is_idle)
        if problem is not None:
            self.spoil(problem)
        attempt.files.write("exit", str(code))
        del self.attempts[attempt.id]
        self.connection.report("exited", id=attempt.id, code=code)

    def _terminate(self, name):
        attempt = self.attempts.get(name)
        if attempt is None:
            return
        if self.is_alone and signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL:
            os.kill(os.getpid(), signal.SIGTERM)
        else:
            self._cancel(attempt, SIGNALLED + signal.SIGTERM)

    def _cancel(self, attempt, code):
        if self.attempts.get(attempt.id) is not attempt:
            return
        if not (attempt.is_sync and attempt.runs_own_code):
            attempt.cancel(code)
        elif len(self.attempts) == 1:
            self._end_process(attempt, code)

    def _escaped(self, error):
        """From a callback, a signal handler, or an asyncio task of an attempt: each of them ends an a0."""
        code = exit_code(error) if isinstance(error, SystemExit) else INTERRUPTED
        flush()
        raised = [attempt for attempt in self.attempts.values() if _has_raised(attempt, error)]
        for attempt in raised or self.attempts.values():
            if raised or len(self.attempts) == 1:
                self._cancel(attempt, code)


def _has_raised(attempt, error):
    return any(task.done() and not task.cancelled() and task.exception() is error for task in attempt.tasks)


def _make_task(loop, coroutine, **options):
    task = asyncio.Task(coroutine, loop=loop, **options)
    attempt = current()
    if attempt is not None:
        attempt.tasks.add(task)
    return task
