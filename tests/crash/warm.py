"""Members forked from a parent that has imported everything, because two seconds of imports a kill end no long storm.

The parent is multiprocessing's fork server: a process of its own with one thread, which imports and then only forks. A
child becomes what `agents` would be: environment, folder, session, output and signals are its own, and it ends as one.
"""

import multiprocessing
import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from multiprocessing.context import ForkServerProcess
from typing import NoReturn

from tests.crash.fleet import ROOT, Process, Start


@dataclass(frozen=True, slots=True)
class _Forked:
    """A child of the fork server, in the words of subprocess."""

    child: ForkServerProcess

    @property
    def pid(self) -> int:
        return self.child.pid or 0

    def send_signal(self, sig: int, /) -> None:
        if self.poll() is None:
            os.kill(self.pid, sig)

    def poll(self) -> int | None:
        return self.child.exitcode

    def wait(self, timeout: float | None = None) -> int:
        self.child.join(timeout)
        if self.child.exitcode is None:
            raise subprocess.TimeoutExpired("agents", timeout or 0.0)
        return self.child.exitcode


def warm(start: Start) -> Process:
    """The same process as a cold start, a second or two earlier."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.crash.preload", __name__])
    child = context.Process(target=_become, args=(start,))
    child.start()
    return _Forked(child)


def _become(start: Start) -> NoReturn:
    """Be `agents` with these arguments. The fork server ignores Ctrl-C and holds its own pipes: nothing of it stays."""
    os.setsid()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler if number is signal.SIGINT else signal.SIG_DFL)
    log = os.open(start.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
        os.dup2(log, stream.fileno())
    os.close(log)
    os.chdir(ROOT)
    os.environ.clear()
    os.environ.update(start.env)
    from bot.cli import main  # noqa: PLC0415 - after the environment, as in a program of its own

    main(list(start.arguments), prog_name="agents")
    raise SystemExit(0)
