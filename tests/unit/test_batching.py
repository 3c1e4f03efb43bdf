"""Group commit: who travels together, and whom a failure reaches."""

import asyncio

import pytest

from eventstore.batching import BATCH_SIZE_MAX, Batcher
from eventstore.errors import StoreUnavailable


class Gate:
    """A sender that holds its first batch until it is let through, so that a test decides what gathers behind it."""

    def __init__(self):
        self.batches = []
        self.open = asyncio.Event()
        self.reached = asyncio.Event()

    async def send(self, items):
        self.batches.append(list(items))
        self.reached.set()
        await self.open.wait()
        return [ValueError(item) if item == "bad" else f"sent {item}" for item in items]


def together(items):
    """Everything may travel with everything."""
    return [True for _ in items]


async def gathered(batcher, gate, *items):
    """Submit "first", and the items once it is in flight."""
    first = asyncio.create_task(batcher.submit("first"))
    await gate.reached.wait()
    rest = [asyncio.create_task(batcher.submit(item)) for item in items]
    await asyncio.sleep(0)  # lets every task reach its batch
    return [first, *rest]


async def test_items_submitted_while_a_batch_is_in_flight_travel_together_in_the_next():
    gate = Gate()
    tasks = await gathered(Batcher(gate.send, together), gate, "a", "b", "c")
    gate.open.set()
    assert ["sent first", "sent a", "sent b", "sent c"] == await asyncio.gather(*tasks)
    assert [["first"], ["a", "b", "c"]] == gate.batches


async def test_items_that_may_not_travel_together_wait_in_their_order():
    def one_of_each(items):
        seen = set()
        return [not (item[0] in seen or seen.add(item[0])) for item in items]

    gate = Gate()
    tasks = await gathered(Batcher(gate.send, one_of_each), gate, "a1", "a2", "b1", "a3", "b2")
    gate.open.set()
    await asyncio.gather(*tasks)
    assert [["first"], ["a1", "b1"], ["a2", "b2"], ["a3"]] == gate.batches


async def test_item_alone_is_sent_at_once_and_so_is_one_after_a_pause():
    gate = Gate()
    gate.open.set()
    batcher = Batcher(gate.send, together)
    assert "sent a" == await batcher.submit("a")
    assert "sent b" == await batcher.submit("b")
    assert [["a"], ["b"]] == gate.batches


async def test_item_refused_is_raised_to_its_caller_alone():
    gate = Gate()
    gate.open.set()
    batcher = Batcher(gate.send, together)
    outcomes = await asyncio.gather(*(batcher.submit(item) for item in ("a", "bad", "b")), return_exceptions=True)
    assert ("sent a", "sent b") == (outcomes[0], outcomes[2])
    assert ValueError is type(outcomes[1])


async def test_batch_that_fails_is_raised_to_all_of_it_and_the_next_goes_on():
    failures = [StoreUnavailable()]

    async def send(items):
        if failures:
            raise failures.pop()
        return items

    batcher = Batcher(send, together)
    outcomes = await asyncio.gather(batcher.submit("a"), batcher.submit("b"), return_exceptions=True)
    assert [StoreUnavailable] * 2 == [type(outcome) for outcome in outcomes]
    assert "c" == await batcher.submit("c")


async def test_batch_answered_in_part_fails_and_the_next_goes_on():
    answers = [["only one"], ["c"]]

    async def send(_items):
        return answers.pop(0)

    batcher = Batcher(send, together)
    outcomes = await asyncio.gather(batcher.submit("a"), batcher.submit("b"), return_exceptions=True)
    assert [ValueError] * 2 == [type(outcome) for outcome in outcomes]
    assert "c" == await batcher.submit("c")


async def test_batch_holds_no_more_than_its_limit():
    gate = Gate()
    tasks = await gathered(Batcher(gate.send, together), gate, *range(BATCH_SIZE_MAX + 1))
    gate.open.set()
    await asyncio.gather(*tasks)
    assert [1, BATCH_SIZE_MAX, 1] == [len(batch) for batch in gate.batches]


async def test_caller_that_went_away_harms_nobody():
    gate = Gate()
    gone, *others = await gathered(Batcher(gate.send, together), gate, "a", "b")
    gone.cancel()
    others[0].cancel()
    gate.open.set()
    assert "sent b" == await others[1]
    assert [["first"], ["a", "b"]] == gate.batches


async def test_close_finishes_what_was_submitted_and_takes_nothing_more():
    gate = Gate()
    batcher = Batcher(gate.send, together)
    tasks = await gathered(batcher, gate, "a")
    closing = asyncio.create_task(batcher.close())
    await asyncio.sleep(0)  # lets it close
    with pytest.raises(StoreUnavailable):
        await batcher.submit("late")
    gate.open.set()
    await closing
    assert ["sent first", "sent a"] == [task.result() for task in tasks]


async def test_close_of_an_idle_batcher_ends_at_once():
    batcher = Batcher(Gate().send, together)
    await batcher.close()
    await batcher.close()
    with pytest.raises(StoreUnavailable):
        await batcher.submit("late")
