"""CPU time of a running process and everything below it."""

import contextlib
import time

import psutil


def tree_cpu_s(pid: int) -> float:
    """Seconds of user and system time of a process, its descendants, and those of them that have exited."""
    with contextlib.suppress(psutil.NoSuchProcess):
        root = psutil.Process(pid)
        return sum(_process_cpu_s(process) for process in (root, *root.children(recursive=True)))
    return 0.0


def _process_cpu_s(process: psutil.Process) -> float:
    # A process that is gone by now has become a part of its parent's `children_*`.
    with contextlib.suppress(psutil.NoSuchProcess, OSError):
        times = process.cpu_times()
        return _clock_s(process.pid) + float(times.children_user + times.children_system)
    return 0.0


def _clock_s(pid: int) -> float:
    """Read another process' CPU clock in nanoseconds (the formula of clock_getcpuclockid(3)).

    /proc counts in hundredths of a second, which in a short run over 70 backends is an error of some percent.
    """
    return time.clock_gettime((~pid << 3) | 2)
