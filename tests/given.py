"""given(events).when(command).then(events): rules of aggregates, told as stories."""

from collections.abc import Callable
from typing import Any, Generic, TypeVar
from uuid import UUID

import pytest

from eventstore.aggregate import Aggregate

AnyAggregate = TypeVar("AnyAggregate", bound=Aggregate)

Told = tuple[type[Aggregate.Event], dict[str, Any]]
"""An event as a test tells it: its class, and the fields that matter."""


class given(Generic[AnyAggregate]):  # noqa: N801 - reads as a sentence
    """An aggregate as it came out of earlier commands."""

    def __init__(self, aggregate: AnyAggregate, *earlier: Callable[[AnyAggregate], Any]) -> None:
        for command in earlier:
            command(aggregate)
        aggregate.pending_events.clear()
        self.aggregate = aggregate
        self._command: Callable[[AnyAggregate], Any] = lambda _: None

    def when(self, command: Callable[[AnyAggregate], Any]) -> "given[AnyAggregate]":
        self._command = command
        return self

    def then(self, *expected: Told) -> AnyAggregate:
        """The command triggers these events and no others."""
        self._command(self.aggregate)
        actual = self.aggregate.unrecorded_events()
        assert [kind for kind, _ in expected] == [type(event) for event in actual]
        for (_, fields), event in zip(expected, actual, strict=True):
            assert fields == {name: getattr(event, name) for name in fields}
        return self.aggregate

    def raises(self, error: type[Exception]) -> Exception:
        """The command is refused, and triggers nothing."""
        with pytest.raises(error) as caught:
            self._command(self.aggregate)
        assert self.aggregate.unrecorded_events() == []
        return caught.value


def an_id(number: int) -> UUID:
    """A UUID that is easy to read."""
    return UUID(int=number)
