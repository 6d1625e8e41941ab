"""One attempt: what a0 does in a process of its own, but for what is loaded already."""

import asyncio
import inspect
import sys
import traceback
import weakref

from .own_objects import OwnObjects
from .resident_controller import AttemptController
from .resident_current import enter

SIGNALLED = 128
# Of a0, whose click ends it then.
INTERRUPTED = 1


class NotStarted(Exception):
    """None of the task's own code has run: it may start elsewhere."""


class Attempt:
    """`order`: see protocol.ts; `call`: its arguments."""

    def __init__(self, order, call, files, worker):
        self.id = order["id"]
        self.args = order["args"]
        self.env = order["env"]
        self.call = call
        self.files = files
        # None: it reads and writes them itself.
        self.objects = OwnObjects(order["inputs"], call, files) if order.get("inputs") is not None else None
        self.worker = worker
        self.sdk = worker.sdk
        self.streams = {}
        self.tasks = weakref.WeakSet()
        self.is_sync = False
        self.runs_own_code = False
        # Why it was cancelled: an exit code, or an error of flyte's controller.
        self.ended_by = None
        # The asyncio task that runs it.
        self.main = None
        endpoint = self.env.get("_U_EP_OVERRIDE") or worker.variable("_U_EP_OVERRIDE") or ""
        self.config = self.sdk.config_of(call, endpoint)
        self.controller = AttemptController(
            lambda: self.sdk.controller_type(client_coro=_made(self.sdk.client("controller", endpoint))),
            worker.loop,
            self.cancel,
            worker.turns.admit,
        )

    def configured(self):
        return self.sdk.configured(self.config)

    def is_waiting(self):
        return self.controller.is_waiting()

    def cancel(self, reason):
        """`reason`: the exit code that it has then, or the error that flyte would report."""
        if self.ended_by is None:
            self.ended_by = reason
        self.main.cancel()

    def was_signalled(self):
        return isinstance(self.ended_by, int)

    async def run(self, surroundings):
        """Its exit code. Throws NotStarted."""
        enter(self)
        with surroundings.of(self), self.configured():
            try:
                try:
                    return await self._act()
                finally:
                    await self.controller.stop()
                    await self._cancel_left_tasks()
            except NotStarted:
                raise
            except BaseException as error:
                return self._code_of(error)

    async def _act(self):
        """As `_run_action` of flyte._bin.runtime."""
        from flyte._logging import logger
        from flyte.errors import RuntimeSystemError, RuntimeUserError

        call = self.call
        logger.warning(f"Flyte runtime started for action {call.name} with run name {call.run_name}")
        try:
            await self._load_and_run(logger)
        except (RuntimeSystemError, RuntimeUserError) as error:
            logger.error(f"Flyte runtime failed for action {call.name} with run name {call.run_name}, error: {error}")
            report = self.sdk.convert.convert_from_native_to_error(error)
            path = await self._upload_error(report)
            logger.error(f"Run {call.run_name} Action {call.name} failed with error: {report}. Uploaded error to {path}")
        logger.warning(f"Flyte runtime completed for action {call.name} with run name {call.run_name}")
        return 0

    async def _load_and_run(self, logger):
        code = self.worker.code
        bundle = code.bundle(self.call)
        try:
            fetched = await code.fetch(bundle)
        except Exception as error:
            raise NotStarted(f"its code could not be fetched: {error}") from error
        self.worker.started(self)
        modules = len(sys.modules)
        try:
            task = code.load(self.call, fetched)
        except Exception as error:
            without_own_frames(error)
            logger.error(f"Failed to load task before execution: {error}", exc_info=error)
            await self._upload_error(self.sdk.convert.convert_from_native_to_error(error))
            raise
        if len(sys.modules) != modules:
            self.worker.health.loaded()
        self.is_sync = not inspect.iscoroutinefunction(getattr(task, "func", task.execute))
        try:
            await self.worker.turns.take(self, self.is_sync)
            self.runs_own_code = True
            outputs, error = await self._run(task, bundle)
        except asyncio.CancelledError:
            # By its controller: see `cancel`.
            if isinstance(self.ended_by, Exception):
                if self.is_sync:
                    self.worker.spoil("the thread of a sync task still runs, whose controller has failed")
                raise self.ended_by from None
            raise
        finally:
            self.runs_own_code = False
            self.worker.turns.give(self)
        if error is not None:
            path = await self._upload_error(error)
            logger.error(f"Task {task.name} failed with error: {error}. Uploaded error to {path}")
        elif outputs is not None:
            await self.sdk.io.upload_outputs(outputs, self.call.outputs_path)

    async def _run(self, task, bundle):
        from flyte._internal.image_cache import ImageCache
        from flyte.models import ActionID, CheckpointPaths, RawDataPath

        call = self.call
        return await self.sdk.convert_and_run(
            task=task,
            action=ActionID(
                name=call.name, run_name=call.run_name, project=call.project, domain=call.domain, org=call.org
            ),
            controller=self.controller,
            input_path=call.inputs,
            raw_data_path=RawDataPath(path=call.raw_data_path, path_rewrite=None),
            version=call.version,
            output_path=call.outputs_path,
            run_base_dir=call.run_base_dir,
            checkpoint_paths=CheckpointPaths(
                prev_checkpoint_path=call.prev_checkpoint, checkpoint_path=call.checkpoint_path
            ),
            code_bundle=bundle,
            image_cache=ImageCache.from_transport(call.image_cache) if call.image_cache else None,
            interactive_mode=bool(call.interactive_mode),
            run_start_time=call.start_time,
        )

    async def _upload_error(self, error):
        return await self.sdk.io.upload_error(error.err, self.call.outputs_path, recoverable=error.recoverable)

    async def _cancel_left_tasks(self):
        """As asyncio.run does it."""
        left = [task for task in self.tasks if not task.done() and task is not self.main]
        for task in left:
            task.cancel()
        if left and (await asyncio.wait(left, timeout=1))[1]:
            self.worker.spoil("an asyncio task did not end when it was cancelled")

    def _code_of(self, error):
        """As of a Python whose program ends with this error."""
        if isinstance(error, asyncio.CancelledError) and self.was_signalled():
            return self.ended_by
        without_own_frames(error)
        if isinstance(error, SystemExit):
            code = exit_code(error)
            self._report_unretrieved(error)
            return code
        if isinstance(error, KeyboardInterrupt):
            # As click, which runs a0.
            print("\nAborted!", file=sys.stderr)
            self._report_unretrieved(error)
            return INTERRUPTED
        try:
            sys.excepthook(type(error), error, error.__traceback__)
        except Exception:
            traceback.print_exc()
        return 1


    def _report_unretrieved(self, error):
        """As asyncio does for the task in which a0 runs it; the traceback shows where the error was raised."""
        context = {"message": "Task exception was never retrieved", "exception": error}
        asyncio.get_running_loop().call_exception_handler(context)


def without_own_frames(error):
    trace = error.__traceback__
    while trace is not None and trace.tb_frame.f_globals.get("__package__") == __package__:
        trace = trace.tb_next
    error.__traceback__ = trace


def exit_code(error):
    """As of a Python that ends with SystemExit."""
    if error.code is None:
        return 0
    if isinstance(error.code, int):
        return error.code & 0xFF
    print(error.code, file=sys.stderr)
    return 1


async def _made(client):
    return client
