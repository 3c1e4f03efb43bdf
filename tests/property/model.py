"""A household as plain dictionaries, and which orders of calls explain what the service answered."""

import pickle
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

DECIMALS = {"KRW": 0, "USD": 2, "KWD": 3}
VOLATILE = "updated_at"
"""The database's clock at a change that may have had no answer."""

Json = dict[str, Any]


@dataclass
class World:
    """What must be there, in nothing but dictionaries, lists and texts."""

    emails: dict[str, str]
    """Of each user, by id."""
    books: dict[str, Json] = field(default_factory=dict)
    """By id, each with its members, closings, categories and entries."""
    invitations: dict[str, Json] = field(default_factory=dict)
    """By token."""
    done: dict[tuple[str, str], Json] = field(default_factory=dict)
    """What a user's calls with an Idempotency-Key asked for, and their answers."""

    def copy(self) -> "World":
        copied: World = pickle.loads(pickle.dumps(self))
        return copied


class Refused(Exception):
    def __init__(self, status: int, slug: str) -> None:
        self.answer = (status, slug)


@dataclass
class Call:
    """A request, and what the model says to it."""

    user: str
    method: str
    path: str
    act: Callable[[World, Json], tuple[int, Any]] = field(repr=False)
    body: Json | None = None
    if_match: str | None = None
    key: str | None = None
    shows_later: bool = False
    """Without a key, its answer is read after the change, so it may show what others did since."""

    @property
    def exact(self) -> bool:
        return not self.shows_later or self.key is not None

    @property
    def asked(self) -> Json:
        return {"method": self.method, "path": self.path, "body": self.body}

    def books(self, answer: Json) -> list[str]:
        """The books that it is about."""
        match self.path.strip("/").split("/"):
            case ["transfers"]:
                return [self.body["from_book"], self.body["to_book"]] if self.body else []
            case ["invitations", *_]:
                return [answer["book_id"]] if "book_id" in answer else []
            case ["books"]:
                return [answer["id"]] if "id" in answer else []
            case [_, book_id, *_]:
                return [book_id]
        raise AssertionError(self.path)


@dataclass
class Reply:
    """What the service answered."""

    status: int
    body: Json
    content: bytes = field(repr=False)
    etag: str = ""
    replayed: bool = False

    @property
    def slug(self) -> str:
        slug: str = self.body.get("type", "")
        return slug.removeprefix("/problems/")


def outcome(world: World, call: Call, reply: Reply, *, alone: bool = True) -> World | None:
    """The world after a call that was answered like this; None where the model answers differently."""
    after = world.copy()
    try:
        (status, body), replayed = answer(after, call, reply.body)
    except Refused as refused:
        return world if refused.answer == (reply.status, reply.slug) else None
    if (status, replayed) != (reply.status, reply.replayed):
        return None
    if not (call.exact or alone):
        return after
    return after if body == lasting(reply.body) else None


def answer(world: World, call: Call, answered: Json) -> tuple[tuple[int, Any], bool]:
    """Change the world by a call, taking what only the service knows (ids, times) from its answer.

    Returns: the answer that it must have, and whether it is that of an earlier call with the same key.
    """
    done = world.done.get((call.user, call.key)) if call.key else None
    if done is not None:
        return _again(world, call, done), True
    made = call.act(world, answered)
    if call.key:
        asked = {**call.asked, "books": call.books(answered), "answer": pickle.loads(pickle.dumps(made))}
        world.done[call.user, call.key] = asked
    return made, False


def _again(world: World, call: Call, done: Json) -> tuple[int, Any]:
    same = call.asked == {name: done[name] for name in call.asked}
    for book_id in done["books"] if same else call.books({}):
        member_of(world, call.user, book_id)
    if not same:
        raise Refused(422, "idempotency-key-reused")
    answered: tuple[int, Any] = done["answer"]
    return answered


def explanations(world: World, answered: list[tuple[Call, Reply]]) -> list[World]:
    """Every world that some order of the calls, one after the other, leads to with these very answers."""
    if not answered:
        return [world]
    worlds: list[World] = []
    for index, (call, reply) in enumerate(answered):
        after = outcome(world, call, reply, alone=False)
        if after is not None:
            found = explanations(after, answered[:index] + answered[index + 1 :])
            worlds += [other for other in found if other not in worlds]
    return worlds


def member_of(world: World, user: str, book_id: str) -> Json:
    """The book, for who belongs to it."""
    book: Json = world.books[book_id]
    if user not in book["members"]:
        raise Refused(404, "book-not-found")
    return book


def lasting(body: Any) -> Any:
    """An answer without what changes unseen, at any depth."""
    if isinstance(body, dict):
        return {name: lasting(value) for name, value in body.items() if name != VOLATILE}
    return [*map(lasting, body)] if isinstance(body, list) else body


def nfc(text: str) -> str:
    return unicodedata.normalize("NFC", text)


def folded(text: str) -> str:
    return nfc(text.casefold())


def minor(amount: str | int, currency: str) -> int:
    return int(Decimal(amount).scaleb(DECIMALS[currency]))


def shown(amount_minor: int, currency: str) -> str:
    return f"{Decimal(amount_minor).scaleb(-DECIMALS[currency]):.{DECIMALS[currency]}f}"
