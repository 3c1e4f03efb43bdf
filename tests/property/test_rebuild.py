"""Read models are disposable: folded anew from the events, in whatever portions, their rows are the same."""

import asyncio
import json
from collections import defaultdict
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from datetime import date, timedelta
from typing import Any
from uuid import UUID

import asyncpg
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from uuid_utils.compat import uuid7

from auth.session import SIGNED_OUT, RefreshToken, Session
from auth.user import User
from eventstore.codec import Metadata
from eventstore.database import open_database
from eventstore.keys import Keyring
from eventstore.store import Change, EventStore
from ledger.book import OWNERS, Book
from ledger.commands import books as book_commands
from ledger.commands import entries as commands
from ledger.commands import members, shares
from ledger.commands.deciding import change_book
from ledger.commands.entries import Target
from ledger.commands.transfers import Amounts, transfer
from ledger.errors import LedgerError
from projections.engine import Engine
from projections.read_models import READ_MODELS
from service import now
from tests.conftest import MASTER_KEY, TEMPLATE, _fresh_database
from tests.ledgers import a_ledger

CURRENCIES = ("KRW", "USD", "KWD")
TABLES = [table for model in READ_MODELS for table in model.tables] + ["checkpoints"]
PROFILE = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])

fresh_database = asynccontextmanager(_fresh_database)

# ── random histories ─────────────────────────────────────────────────────────────────────────────────────

GUESTS = [UUID(int=number) for number in (1, 2)]
INDEXES = st.integers(0, 50)
AMOUNTS = st.integers(1, 10**15 - 1).map(str)
DAYS = st.one_of(st.dates(date(2024, 1, 28), date(2024, 3, 2)), st.dates())
TEXTS = st.sampled_from(["", "점심", "Lunch", "Café"])
TAGS = st.lists(TEXTS.filter(bool))
KINDS = st.sampled_from(["income", "expense"])
PATCHES = st.fixed_dictionaries(
    {}, optional={"kind": KINDS, "amount": AMOUNTS, "occurred_on": DAYS, "memo": TEXTS, "tags": TAGS}
)
STEPS = st.one_of(
    st.tuples(st.just("record_entry"), INDEXES, KINDS, AMOUNTS, DAYS, INDEXES, TEXTS, TAGS),
    st.tuples(st.just("amend_entry"), INDEXES, PATCHES),
    st.tuples(st.sampled_from(["delete_entry", "restore_entry"]), INDEXES),
    st.tuples(st.just("duplicate_entry"), INDEXES, st.none() | DAYS),
    st.tuples(st.just("amend_book"), INDEXES, st.none() | TEXTS, st.none() | TEXTS, st.none() | AMOUNTS),
    st.tuples(st.sampled_from(["delete_book", "restore_book", "restore_book"]), INDEXES),
    st.tuples(st.just("add_category"), INDEXES, KINDS, TEXTS),
    st.tuples(st.just("rename_category"), INDEXES, INDEXES, TEXTS),
    st.tuples(st.sampled_from(["delete_category", "restore_category"]), INDEXES, INDEXES),
    st.tuples(st.just("revert_entry"), INDEXES, st.integers(1, 4)),
    st.tuples(st.just("transfer"), INDEXES, AMOUNTS, DAYS, TEXTS),
    st.tuples(st.just("close_period"), INDEXES, st.dates(date(2023, 1, 1), date(2024, 2, 1))),
    st.tuples(st.just("reopen_period"), INDEXES, TEXTS),
    st.tuples(st.sampled_from(["join", "change_role", "remove_member"]), INDEXES, INDEXES),
    st.tuples(st.sampled_from(["share_entry", "open_share", "revoke_share"]), INDEXES),
    st.tuples(st.just("start_session"), TEXTS),
    st.tuples(st.sampled_from(["refresh_session", "end_session"]), INDEXES),
    st.tuples(st.just("catch_up")),
)
HISTORIES = st.lists(STEPS, min_size=5, max_size=60)
PORTIONS = st.lists(st.integers(1, 40), max_size=20)


class History:
    """One user's journal and one book per currency, written by the commands that the service uses."""

    def __init__(self, store: EventStore, engine: Engine) -> None:
        self.store, self.engine = store, engine
        self.ledger = a_ledger(store)
        self.user = uuid7()
        self.metadata = Metadata(self.user, "a request")
        self.books: list[UUID] = []
        self.entries: list[tuple[UUID, UUID]] = []
        self.sessions: list[tuple[Session, RefreshToken]] = []
        self.shares: list[tuple[UUID, UUID, UUID]] = []
        self.opens: dict[UUID, int] = {}

    @property
    def journals(self) -> list[UUID]:
        return [self.user, *self.books]

    async def begin(self) -> None:
        user = User(
            id=self.user, email="a@example.com", name=None, birth_date=None, phone_number=None, password_hash="a hash"
        )
        await self.store.append(self.metadata, [Change(self.user, user)])
        for currency in CURRENCIES:
            opened = await book_commands.open_book(self.ledger, self.metadata, "집", currency, "", "100", "ko")
            self.books.append(opened.book.id)

    async def take(self, name: str, *arguments: Any) -> None:
        """Take one step; one that the ledger refuses leaves nothing."""
        with suppress(LedgerError):
            await getattr(self, name, self.change_book_or_entry)(name, *arguments)

    async def catch_up(self, _: str) -> None:
        await self.engine.catch_up(self.journals)

    async def record_entry(
        self, _: str, index: int, kind: str, amount: str, day: date, place: int, *texts: Any
    ) -> None:
        book_id = self.books[index % len(self.books)]
        category_id = await self.category_id(book_id, place) if place % 3 else None
        placed = await commands.record_entry(
            self.ledger, self.metadata, book_id, kind, amount, day, category_id, *texts
        )
        self.entries.append((book_id, placed.entry.id))

    async def change_book_or_entry(self, name: str, index: int, *arguments: Any) -> None:
        command: Callable[..., Awaitable[Any]] = getattr(commands, name, None) or getattr(book_commands, name)
        book_id = self.books[index % len(self.books)]
        if name in {"rename_category", "delete_category", "restore_category"}:
            place, *rest = arguments
            await command(self.ledger, self.metadata, book_id, await self.category_id(book_id, place), *rest)
        elif not name.endswith("_entry"):
            await command(self.ledger, self.metadata, book_id, *arguments)
        elif self.entries:
            book_id, entry_id = self.entries[index % len(self.entries)]
            target = Target(self.metadata, book_id, entry_id, lambda _: None)
            placed = await command(self.ledger, target, *arguments)
            self.entries.append((book_id, placed.entry.id))

    async def transfer(self, _: str, index: int, amount: str, day: date, memo: str) -> None:
        source, target = (self.books[place % len(self.books)] for place in (index, index + 1))
        amounts = Amounts(amount, amount)
        done = await transfer(self.ledger, self.metadata, source, target, amounts, day, memo)
        self.entries += [(side.book.id, side.entry.id) for side in (done.source, done.target)]

    async def join(self, _: str, index: int, place: int) -> None:
        def join(book: Book) -> None:
            book.join(GUESTS[place % len(GUESTS)], "viewer", uuid7())

        await change_book(self.ledger, self.metadata, self.books[index % len(self.books)], OWNERS, join)

    async def change_role(self, _: str, index: int, place: int) -> None:
        book_id, guest = self.books[index % len(self.books)], GUESTS[place % len(GUESTS)]
        await members.change_role(self.ledger, self.metadata, book_id, guest, "editor")

    async def remove_member(self, _: str, index: int, place: int) -> None:
        book_id, guest = self.books[index % len(self.books)], GUESTS[place % len(GUESTS)]
        await members.remove_member(self.ledger, self.metadata, book_id, guest)

    async def share_entry(self, _: str, index: int) -> None:
        if self.entries:
            book_id, entry_id = self.entries[index % len(self.entries)]
            target = Target(self.metadata, book_id, entry_id, lambda _: None)
            _code, share, _ = await shares.share_entry(self.ledger, target, timedelta(hours=1))
            self.shares.append((book_id, entry_id, share.id))

    async def open_share(self, _: str, index: int) -> None:
        if self.shares:
            book_id, _entry_id, share_id = self.shares[index % len(self.shares)]
            opens = self.opens.get(share_id, 0)
            await shares.note_opening(self.ledger, self.metadata, book_id, share_id, opens)
            self.opens[share_id] = opens + 1

    async def revoke_share(self, _: str, index: int) -> None:
        if self.shares:
            book_id, entry_id, share_id = self.shares[index % len(self.shares)]
            await shares.revoke_share(self.ledger, self.metadata, book_id, entry_id, str(share_id))

    async def category_id(self, book_id: UUID, place: int) -> UUID:
        book = await self.store.load(book_id, Book, book_id)
        assert book is not None
        return list(book.categories)[place % len(book.categories)]

    async def start_session(self, _: str, user_agent: str) -> None:
        token = RefreshToken(self.user, uuid7(), b"s" * 32)
        session = Session(
            id=token.session_id, refresh_hash=token.digest, user_agent=user_agent, ip="127.0.0.1", amr=["pwd"]
        )
        await self.store.append(self.metadata, [Change(self.user, session)])
        self.sessions.append((session, token))

    async def refresh_session(self, _: str, index: int) -> None:
        live = [place for place, (session, _) in enumerate(self.sessions) if not session.ended]
        if live:
            place = live[index % len(live)]
            session, token = self.sessions[place]
            successor = token.successor(b"a key")
            session.refresh(token, successor, now(), f"agent {index}", "127.0.0.1")
            await self.store.append(self.metadata, [Change(self.user, session)])
            self.sessions[place] = session, successor

    async def end_session(self, _: str, index: int) -> None:
        if self.sessions:
            session, _token = self.sessions[index % len(self.sessions)]
            session.end(SIGNED_OUT)
            if session.unrecorded_events():
                await self.store.append(self.metadata, [Change(self.user, session)])


# ── the live rows, and those made anew ───────────────────────────────────────────────────────────────────


class Workshop:
    """Two databases: in one, histories happen; in the other, read models are made of copied events alone."""

    def __init__(self, runner: asyncio.Runner, server: str) -> None:
        self.run = runner.run
        self.stack = AsyncExitStack()
        self.keyring = Keyring(MASTER_KEY)
        self.live, self.live_engine = self.run(self._open(server))
        self.copy, self.copy_engine = self.run(self._open(server))
        self.store = self.run(self._open_store())

    async def _open(self, server: str) -> tuple[asyncpg.Connection, Engine]:
        dsn = await self.stack.enter_async_context(fresh_database(server, TEMPLATE))
        database = await self.stack.enter_async_context(open_database(dsn, pool_size_max=4))
        connection = await asyncpg.connect(dsn, server_settings={"search_path": "readmodels, eventstore"})
        self.stack.push_async_callback(connection.close)
        return connection, Engine(database, self.keyring, READ_MODELS)

    async def _open_store(self) -> EventStore:
        store = EventStore(self.live_engine._database, self.keyring)
        self.stack.push_async_callback(store.close)
        return store

    async def write(self, steps: list[tuple[Any, ...]]) -> list[UUID]:
        """Returns: the journals of the history."""
        history = History(self.store, self.live_engine)
        await history.begin()
        for step in steps:
            await history.take(*step)
        await history.catch_up("")
        return history.journals

    async def copy_events(self, journals: list[UUID], portions: list[int]) -> None:
        """Copy the events a portion at a time, and catch up after each."""
        keys = await self.live.fetch("SELECT * FROM journal_keys WHERE journal_id = ANY ($1)", journals)
        await self.copy.copy_records_to_table("journal_keys", records=keys)
        heads = await self.live.fetch("SELECT * FROM journals WHERE journal_id = ANY ($1)", journals)
        kinds = {head["journal_id"]: head["kind"] for head in heads}
        events = await self.live.fetch(
            "SELECT * FROM events WHERE journal_id = ANY ($1) ORDER BY recorded_at, journal_id, position", journals
        )
        for portion in [*portions, len(events)]:
            copied, events = events[:portion], events[portion:]
            await self.copy.copy_records_to_table("events", records=copied)
            await self.copy.executemany(
                "INSERT INTO journals AS j VALUES ($1, $2, $3, $4) ON CONFLICT (journal_id) DO UPDATE"
                " SET position = greatest(j.position, excluded.position)",
                [
                    (event["journal_id"], kinds[event["journal_id"]], event["position"], event["recorded_at"])
                    for event in copied
                ],
            )
            await self.copy_engine.catch_up({event["journal_id"] for event in copied})


async def rows_of(connection: asyncpg.Connection, journals: list[UUID]) -> dict[str, list[str]]:
    """All rows of all read models, as text."""
    return {
        table: [
            row["line"]
            for row in await connection.fetch(
                f"SELECT t::text AS line FROM {table} t WHERE journal_id = ANY ($1) ORDER BY 1", journals
            )
        ]
        for table in TABLES
    }


def test_rows_made_anew_from_the_events_are_the_live_rows(server):
    with asyncio.Runner() as runner:
        workshop = Workshop(runner, server)

        @PROFILE
        @given(steps=HISTORIES, portions=PORTIONS)
        def check(steps: list[tuple[Any, ...]], portions: list[int]) -> None:
            journals = workshop.run(workshop.write(steps))
            workshop.run(workshop.copy_events(journals, portions))
            live = workshop.run(rows_of(workshop.live, journals))
            assert live == workshop.run(rows_of(workshop.copy, journals))
            assert len(live["books"]) == len(CURRENCIES)

        check()
        runner.run(workshop.stack.aclose())


# ── the same sums, by hand ───────────────────────────────────────────────────────────────────────────────

Sums = dict[tuple[UUID, str, str, str, str], list[int]]
"""Income, expense, what was transferred, and how many of the first two; by journal, grain, day, category and member."""

NIL = str(UUID(int=0))
PLACES = {"income": (0, 1, 1), "expense": (1, 1, 1), "transfer_in": (2, 1, 0), "transfer_out": (2, -1, 0)}
"""Where a kind of posting counts, with which sign, and whether as an entry."""


def sums_by_hand(events: list[asyncpg.Record]) -> Sums:
    """Sum what events say in the clear: no key, no class of ours, nothing but the stored bytes."""
    sums: defaultdict[tuple[UUID, str, str, str, str], list[int]] = defaultdict(lambda: [0, 0, 0, 0])
    states = [(event, json.loads(event["state"])) for event in events]
    authors = {event["stream_id"]: state["actor"] for event, state in states if event["version"] == 1}
    for event, state in states:
        for name, sign in (("removes", -1), ("adds", 1)):
            posting = state.get(name)
            if posting is None:
                continue
            category, day = posting["category_id"] or NIL, posting["occurred_on"]
            place, direction, counted = PLACES[posting["kind"]]
            month, dimensions, all_of_them = f"{day[:7]}-01", (category, authors[event["stream_id"]]), (NIL, NIL)
            for grain, starts_on, of_these in (
                ("day", day, dimensions),
                ("month", month, dimensions),
                ("year", f"{day[:4]}-01-01", dimensions),
                ("whole_month", month, all_of_them),
            ):
                of_key = sums[event["journal_id"], grain, starts_on, *of_these]
                of_key[place] += sign * direction * posting["amount_minor"]
                of_key[3] += sign * counted
    return {key: numbers for key, numbers in sums.items() if any(numbers)}


async def stored_sums(connection: asyncpg.Connection, journals: list[UUID]) -> Sums:
    rows = await connection.fetch("SELECT * FROM totals WHERE journal_id = ANY ($1)", journals)
    sums = {}
    for journal_id, grain, starts_on, category_id, member_id, *numbers in rows:
        sums[journal_id, grain, starts_on.isoformat(), str(category_id), str(member_id)] = [*map(int, numbers)]
    return {key: numbers for key, numbers in sums.items() if any(numbers)}


def months_by_hand(by_hand: Sums, key_of: Callable[..., tuple[Any, ...]], *places: int) -> dict[Any, list[int]]:
    """The months of sums by hand under coarser keys: some of the numbers of each."""
    months: defaultdict[Any, list[int]] = defaultdict(lambda: [0] * len(places))
    for (journal_id, grain, month, _, member), numbers in by_hand.items():
        if grain == "month":
            key = key_of(journal_id, month, member)
            months[key] = [total + numbers[place] for total, place in zip(months[key], places, strict=True)]
    return {key: numbers for key, numbers in months.items() if any(numbers)}


async def stored_months(
    connection: asyncpg.Connection, table: str, key: tuple[str, ...], numbers: tuple[str, ...], journals: list[UUID]
) -> dict[Any, list[int]]:
    rows = await connection.fetch(f"SELECT * FROM {table} WHERE journal_id = ANY ($1)", journals)
    months = {
        (row["journal_id"], row["month"].isoformat(), *(str(row[name]) for name in key)): [
            int(row[name]) for name in numbers
        ]
        for row in rows
    }
    return {key: numbers for key, numbers in months.items() if any(numbers)}


async def stored_books(connection: asyncpg.Connection, journals: list[UUID]) -> dict[UUID, list[int]]:
    rows = await connection.fetch("SELECT * FROM books WHERE journal_id = ANY ($1)", journals)
    names = ("income_minor", "expense_minor", "transferred_minor")
    sums = {row["journal_id"]: [int(row[name]) for name in names] for row in rows}
    return {journal_id: numbers for journal_id, numbers in sums.items() if any(numbers)}


def test_totals_are_the_sum_of_what_events_say_in_the_clear(server):
    with asyncio.Runner() as runner:
        workshop = Workshop(runner, server)

        @PROFILE
        @given(steps=HISTORIES)
        def check(steps: list[tuple[Any, ...]]) -> None:
            journals = workshop.run(workshop.write(steps))
            by_hand = sums_by_hand(
                workshop.run(workshop.live.fetch("SELECT * FROM events WHERE journal_id = ANY ($1)", journals))
            )
            assert by_hand == workshop.run(stored_sums(workshop.live, journals))
            flows = ("income_minor", "expense_minor", "transferred_minor")
            assert months_by_hand(by_hand, lambda journal, month, _: (journal, month), 0, 1, 2) == workshop.run(
                stored_months(workshop.live, "statements", (), flows, journals)
            )
            spent = ("income_minor", "expense_minor", "entry_count")
            assert months_by_hand(by_hand, lambda *key: key, 0, 1, 3) == workshop.run(
                stored_months(workshop.live, "spending", ("member_id",), spent, journals)
            )
            books: defaultdict[UUID, list[int]] = defaultdict(lambda: [0, 0, 0])
            for (journal_id, grain, *_), numbers in by_hand.items():
                if grain == "day":
                    books[journal_id] = [*map(sum, zip(books[journal_id], numbers[:3], strict=True))]
            assert {key: numbers for key, numbers in books.items() if any(numbers)} == workshop.run(
                stored_books(workshop.live, journals)
            )

        check()
        runner.run(workshop.stack.aclose())
