"""The templates of a worker: for each module at most one, and only for equal code."""

import os
import time
from functools import partial

from . import task_module
from .template import Template

# They hold memory. The one that was used least recently makes way.
MOST = 2


class Templates:
    def __init__(self, poll, seconds):
        self.poll = poll
        # Until one has to be ready.
        self.seconds = seconds
        # By module; the one that was used last is last.
        self.ready = {}
        self.starting = None
        # Those that an attempt has imported without an effect that would be noticed, with its module path.
        self.candidates = {}
        self.refused = set()
        # Of those that were ended and are not waited for.
        self.ending = set()

    def processes(self):
        known = [template.process for template in self._all()]
        return {*known, *self.ending}

    def of(self, order):
        """The module that an attempt imports, and its template; None for each that there is not."""
        module = task_module.of_order(order)
        template = self.ready.get(module)
        if template is None:
            return module, None
        if not task_module.are_unchanged(template.facts["files"]):
            self.refuse(template, "its files have changed")
            return module, None
        if not order["env"].keys().isdisjoint(template.facts["variables"]):
            self.refuse(template, "it reads variables that attempts have for themselves")
            return module, None
        self.ready[module] = self.ready.pop(module)
        return module, template

    def is_wanted(self, module):
        """Whether to find out what an attempt does when it imports it."""
        is_starting = self.starting is not None and self.starting.task_module == module
        return module is not None and not is_starting and not {module} & {*self.refused, *self.candidates, *self.ready}

    def imported(self, module, report):
        """By an attempt."""
        if not self.is_wanted(module):
            return
        if report["reason"] is None:
            self.candidates[module] = report["path"]
        else:
            self._refuse(module, report["reason"])

    def start(self, leave):
        """When the worker is idle. In an attempt of the template it returns its order."""
        if self.starting is not None or not self.candidates:
            return None
        module, path = next(iter(self.candidates.items()))
        del self.candidates[module]
        template = Template(module, time.monotonic() + self.seconds, partial(self.refuse, reason="it could not be forked"))
        try:
            order = template.begin(path, leave)
        except OSError as error:
            self._refuse(module, f"no process could be made: {error}")
            return None
        if order is not None:
            return order
        self.starting = template
        self.poll.add_reader(template.connection.fileno(), lambda: self._receive(template))
        return None

    def deadline(self):
        return None if self.starting is None else self.starting.deadline

    def watch(self, now):
        deadline = self.deadline()
        if deadline is not None and now >= deadline:
            self.refuse(self.starting, "it was not imported in time")

    def ended(self, number):
        """Of a process that is being waited for."""
        self.ending.discard(number)
        for template in self._all():
            if template.process == number:
                self.refuse(template, "its process has ended")

    def refuse(self, template, reason):
        self._end(template)
        self._refuse(template.task_module, reason)

    def leave(self):
        """In a fork."""
        for template in self._all():
            self.poll.remove_reader(template.connection.fileno())
            template.leave()

    def _receive(self, template):
        is_ready = template.facts is not None
        reason = template.receive()
        if is_ready or reason is not None:
            self.refuse(template, reason or "it has sent what was not asked for")
            return
        self.starting = None
        self.ready[template.task_module] = template
        _log(f"{template.task_module.name} is imported ahead of attempts")
        if len(self.ready) > MOST:
            self._end(next(iter(self.ready.values())))

    def _all(self):
        return [*self.ready.values(), *([] if self.starting is None else [self.starting])]

    def _end(self, template):
        if template not in self._all():
            return
        self.poll.remove_reader(template.connection.fileno())
        template.leave()
        template.end()
        self.ending.add(template.process)
        self.ready.pop(template.task_module, None)
        if self.starting is template:
            self.starting = None

    def _refuse(self, module, reason):
        self.refused.add(module)
        _log(f"each attempt imports {module.name} for itself: {reason}")


def _log(text):
    try:
        # What cannot be written is not kept: each fork flushes what is.
        os.write(2, f"boxkite worker: {text}\n".encode())
    except OSError:
        # Nobody reads it.
        return
