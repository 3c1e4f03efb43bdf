"""Commands that post messages, and those that take the links in them."""

import hmac
from typing import Final
from uuid import UUID

from auth.commands.deciding import Auth, load_user
from auth.errors import LinkInvalid, TooManyMessages
from auth.message import LINK_LIFETIMES, MAIL, NOTICE_LIFETIME, PHONE, VERIFY_EMAIL, Message
from auth.user import User
from eventstore.codec import Metadata
from eventstore.ids import id_of
from eventstore.tokens import StreamToken

LINKS_PER_HOUR_MAX: Final = 3
"""Of one kind to one user: nobody's mailbox is flooded, by whomever. Counted by the hours of the clock."""
_HOUR_SECONDS: Final = 3600


def link_token(link_key: bytes, user_id: UUID, message_id: UUID) -> StreamToken:
    """The token of a message's link."""
    secret = hmac.digest(link_key, b"link " + user_id.bytes + message_id.bytes, "sha256")
    return StreamToken(user_id, message_id, secret)


def link_id(auth: Auth, user_id: UUID, kind: str, number: int = 0, *, hours_ago: int = 0) -> UUID:
    """The id of the n-th message of a kind in an hour, this one unless said: two that are posted at once conflict."""
    hour = int(auth.clock().timestamp()) // _HOUR_SECONDS - hours_ago
    return id_of(hmac.digest(auth.link_key, b"id " + user_id.bytes + f"{kind} {hour} {number}".encode(), "sha256"))


async def next_link_id(auth: Auth, user_id: UUID, kind: str) -> UUID:
    """The id of the next message of a kind. Raises: TooManyMessages."""
    for number in range(LINKS_PER_HOUR_MAX):
        message_id = link_id(auth, user_id, kind, number)
        if not await auth.store.load_events(user_id, message_id):
            return message_id
    raise TooManyMessages(_HOUR_SECONDS - int(auth.clock().timestamp()) % _HOUR_SECONDS)


async def posted_before(auth: Auth, metadata: Metadata, user_id: UUID, kind: str) -> bool:
    """Tell whether the same operation posted a message of a kind in this hour or the last."""
    if metadata.operation is None:
        return False
    for place in range(2 * LINKS_PER_HOUR_MAX):
        message_id = link_id(auth, user_id, kind, place % LINKS_PER_HOUR_MAX, hours_ago=place // LINKS_PER_HOUR_MAX)
        events = await auth.store.load_events(user_id, message_id)
        if events and events[0].operation == metadata.operation:
            return True
    return False


def link_message(
    auth: Auth, user: User, message_id: UUID, kind: str, language: str, *, to: str | None = None, channel: str = MAIL
) -> Message:
    """Post a message with a link; `to` the user's address unless said."""
    expires_at = auth.clock() + LINK_LIFETIMES[kind]
    return Message(
        id=message_id,
        kind=kind,
        channel=channel,
        to=to or user.email,
        language=language,
        credentials=user.credentials,
        expires_at=expires_at,
    )


def notices(auth: Auth, user: User, kind: str, language: str) -> list[Message]:
    """Tell the user by mail, and on the phone where there is one."""
    ways = [(MAIL, user.email)]
    if auth.can_text and user.phone_number:
        ways.append((PHONE, user.phone_number))
    return [
        Message(
            id=auth.new_id(),
            kind=kind,
            channel=channel,
            to=to,
            language=language,
            credentials=user.credentials,
            expires_at=auth.clock() + NOTICE_LIFETIME,
        )
        for channel, to in ways
    ]


def parse_link(auth: Auth, text: str) -> StreamToken:
    """Read the token of a link, ours and nobody else's. Raises: LinkInvalid."""
    token = StreamToken.parse(text)
    if token is None or not token.matches(link_token(auth.link_key, token.journal_id, token.stream_id).digest):
        raise LinkInvalid
    return token


async def find_linked_user(auth: Auth, token: StreamToken) -> User:
    """Whom a link was mailed to. Raises: LinkInvalid where the account was erased."""
    user = await load_user(auth, token.journal_id)
    if user is None:
        raise LinkInvalid
    return user


async def use_link(auth: Auth, token: StreamToken, user: User, kind: str) -> Message:
    """Take the link of a message that still holds for this user. Raises: LinkInvalid."""
    message = await auth.store.load(token.journal_id, Message, token.stream_id)
    if message is None or not user.email:
        raise LinkInvalid
    # Who verifies an address may have changed the password meanwhile; whatever else is linked would be void by that.
    holds = message.to == user.email if kind == VERIFY_EMAIL else message.credentials == user.credentials
    if not holds:
        raise LinkInvalid
    message.use(kind, auth.clock())
    return message
