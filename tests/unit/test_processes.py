"""What we started ends when it is told to."""

import asyncio
import signal
import sys

import pytest

from eventstore.processes import running, stop_child
from eventstore.tasks import end


async def test_a_task_that_loses_a_cancellation_ends_all_the_same():
    lost = 0

    async def work():
        nonlocal lost
        while True:
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                lost += 1
                if lost == 2:
                    raise

    task = asyncio.create_task(work())
    await asyncio.sleep(0)
    await end(task)
    assert (True, 2) == (task.cancelled(), lost)


async def test_what_a_background_task_failed_with_is_raised_at_its_end():
    async def work():
        raise ValueError("failed")

    with pytest.raises(ValueError, match="failed"):
        async with running(work()):
            await asyncio.sleep(0)


async def test_a_child_that_does_not_stop_is_killed():
    ignoring = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(flush=True); time.sleep(60)"
    child = await asyncio.create_subprocess_exec(sys.executable, "-c", ignoring, stdout=asyncio.subprocess.PIPE)
    assert child.stdout is not None
    await child.stdout.readline()
    await stop_child(child, seconds_max=0.1)
    assert -signal.SIGKILL == child.returncode
