"""The refusal: somebody tried to sign in with a wrong password or factor, and did not get in."""

import hashlib
from datetime import datetime
from typing import Final
from uuid import UUID

from eventsourcing.domain import event

from eventstore.aggregate import Aggregate, Created
from eventstore.ids import id_of

RECORDED_MAX: Final = 20
"""For each account and hour; a flood must not fill the journal."""

WRONG_PASSWORD: Final = "wrong_password"  # noqa: S105 - the name of a reason
WRONG_FACTOR: Final = "wrong_factor"


class SignInRefusal(Aggregate):
    """A stream of one event in the user's journal.

    Its id follows from the user, the hour and a number below RECORDED_MAX: as many as there are ids can be recorded
    in an hour, by however many workers.
    """

    TOPIC = "sign_in_refusal"

    class SignInRefused(Created):
        """`unrecorded`: how many more the worker saw since the one that it recorded before this."""

        TOPIC = "sign_in_refusal.refused"
        SEALED = frozenset({"user_agent", "ip"})
        reason: str
        user_agent: str
        ip: str
        unrecorded: int

    @event(SignInRefused)
    def __init__(
        self,
        id: UUID,  # noqa: A002 - the library's name for it
        reason: str,
        user_agent: str,
        ip: str,
        unrecorded: int,
    ) -> None:
        self.reason = reason
        self.user_agent = user_agent
        self.ip = ip
        self.unrecorded = unrecorded

    def __repr__(self) -> str:
        return f"SignInRefusal({self.id})"  # never what it holds: it would end in logs


def refusal_id(user_id: UUID, at: datetime, number: int) -> UUID:
    """The id of the number-th refusal, from 0, in the hour of a time."""
    hour = int(at.timestamp()) // 3600
    return id_of(hashlib.sha256(user_id.bytes + f"sign-in refusal {hour} {number}".encode()).digest())
