"""Delivering messages: whatever was posted is handed to its channel, at least once."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Protocol
from uuid import UUID

import structlog

from auth.commands.messages import link_token
from auth.errors import Undeliverable, Undelivered
from auth.message import LINK_LIFETIMES, Message
from auth.texts import Text, text_of
from eventstore.codec import Metadata
from eventstore.errors import Conflict
from eventstore.store import Change, EventStore

REQUEST_ID: Final = "delivery"
"""Stands where no request caused an event."""

_log = structlog.get_logger("delivery")


class Channel(Protocol):
    """A way to a user."""

    async def send(self, message_id: UUID, to: str, text: Text) -> None:
        """Raises: Undelivered, where it may be tried again; Undeliverable."""
        ...


@dataclass(frozen=True)
class Delivery:
    """The store, the channels by their names, and where links lead."""

    store: EventStore
    channels: Mapping[str, Channel]
    link_key: bytes
    public_url: str
    clock: Callable[[], datetime]

    async def deliver(self, user_id: UUID, message_id: UUID) -> None:
        """Send a message and record it; nothing happens for one that was sent or has lapsed.

        Raises: Undelivered, StoreUnavailable.
        """
        message = await self.store.load(user_id, Message, message_id)
        if message is None or not message.is_due(self.clock()):
            return
        channel = self.channels.get(message.channel)
        if channel is None:
            raise Undelivered
        sent = True
        try:
            await channel.send(message_id, message.to, self._text(user_id, message))
        except Undeliverable:
            sent = False
        _log.info("message sent" if sent else "message refused", kind=message.kind, message_id=str(message_id))
        await self._record(user_id, message_id, sent=sent)

    def _text(self, user_id: UUID, message: Message) -> Text:
        link = None
        if message.kind in LINK_LIFETIMES:
            # Behind the #, so that neither logs nor other sites learn of it: browsers keep that part to themselves.
            token = link_token(self.link_key, user_id, message.id).text
            link = f"{self.public_url.rstrip('/')}/users/{message.kind.replace('_', '-')}#{token}"
        return text_of(message.kind, message.language, link)

    async def _record(self, user_id: UUID, message_id: UUID, *, sent: bool) -> None:
        """Its link may be used while it is sent, so it is loaded anew."""
        while (message := await self.store.load(user_id, Message, message_id)) is not None and message.waiting:
            if sent:
                message.note_sent()
            else:
                message.note_refused()
            try:
                await self.store.append(Metadata(None, REQUEST_ID), [Change(user_id, message)])
            except Conflict:
                continue
