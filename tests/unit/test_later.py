"""Work that no answer waits for."""

import asyncio

import pytest

from auth.errors import LinkInvalid, TooManySignIns
from auth.later import WAITING_MAX, Later


async def test_work_is_done_in_order_and_what_fails_stops_nothing():
    done, later = [], Later()

    def work(number):
        async def do():
            if number == 1:
                raise LinkInvalid
            if number == 2:
                raise RuntimeError("unexpected")
            done.append(number)

        return do

    async with later.working():
        for number in range(5):
            later.do(work(number))
    assert [0, 3, 4] == done


async def test_work_that_waits_at_the_end_is_still_done():
    done, later, may_go_on = asyncio.Event(), Later(), asyncio.Event()

    async def do():
        await may_go_on.wait()
        done.set()

    async with later.working():
        later.do(do)
        asyncio.get_running_loop().call_later(0.05, may_go_on.set)
    assert done.is_set()


async def test_more_work_than_may_wait_is_refused():
    later = Later()
    for _ in range(WAITING_MAX):
        later.do(asyncio.Event().wait)
    with pytest.raises(TooManySignIns):
        later.do(asyncio.Event().wait)
