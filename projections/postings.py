"""What every sum over events is made of: the postings that they add and take away, and where each kind counts."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol
from uuid import UUID

from eventstore.codec import RecordedEvent
from ledger.entry import TRANSFER_IN, Posting

NONE: Final = UUID(int=0)
"""Stands in a key for no category, and for the system as member."""

Stream = tuple[UUID, UUID]


class Flows(Protocol):
    """Sums of amounts in minor units."""

    income_minor: int
    expense_minor: int
    transferred_minor: int


@dataclass
class Sums:
    """Flows, and of how many entries; which entries count is up to who sums."""

    income_minor: int = 0
    expense_minor: int = 0
    transferred_minor: int = 0
    entry_count: int = 0


def moved(event: Any) -> Iterator[tuple[Posting, int]]:
    """The postings of an event, each with its sign: what it takes away first."""
    for name, sign in (("removes", -1), ("adds", 1)):
        posting: Posting | None = getattr(event, name, None)
        if posting is not None:
            yield posting, sign


def authored(
    events: Iterable[RecordedEvent], authors: Mapping[Stream, UUID | None]
) -> Iterator[tuple[UUID, UUID, Posting, int]]:
    """The postings of events, each with its journal, who recorded its entry, and its sign.

    `authors`: who recorded the entries that these events change but do not record.
    """
    known = dict(authors)
    for recorded in events:
        stream = (recorded.journal_id, recorded.stream_id)
        if recorded.version == 1:
            known[stream] = recorded.actor
        for posting, sign in moved(recorded.event):
            yield recorded.journal_id, known[stream] or NONE, posting, sign


def add(flows: Flows, posting: Posting, sign: int) -> None:
    """Count a posting; what is transferred counts as what came in less what went out."""
    amount_minor = sign * posting.amount_minor
    match posting.kind:
        case "income":
            flows.income_minor += amount_minor
        case "expense":
            flows.expense_minor += amount_minor
        case _:
            flows.transferred_minor += amount_minor if posting.kind == TRANSFER_IN else -amount_minor


def net_minor(row: Any) -> int:
    """What the sums of a row change a balance by."""
    return int(row["income_minor"] - row["expense_minor"] + row["transferred_minor"])
