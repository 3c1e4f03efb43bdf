"""The usual answer: FastAPI, SQLAlchemy 2 and asyncpg over tables that are updated in place.

Written as such a team would and without handicap: one process of uvicorn with uvloop and httptools where
they are installed, pooled connections, an index for every query, no query that an endpoint does not need,
no access log.
"""

import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Annotated, ClassVar, Literal
from uuid import UUID, uuid4

import jwt
import uvicorn
from fastapi import Depends, FastAPI, HTTPException, Query, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import DateTime, ForeignKey, Index, Numeric, String, func, select, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

POOL_SIZE = 20
SECRET = "a benchmark's secret, as long as HS256 wants its keys to be"  # guards nothing: the data is made up
Kind = Literal["income", "expense"]


class Base(DeclarativeBase):
    """The tables."""

    type_annotation_map: ClassVar = {datetime: DateTime(timezone=True)}


class Book(Base):
    """An account book of one user."""

    __tablename__ = "books"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    owner_id: Mapped[UUID] = mapped_column(index=True)
    name: Mapped[str] = mapped_column(String(100))
    currency: Mapped[str] = mapped_column(String(3), default="KRW")
    opening_balance: Mapped[Decimal] = mapped_column(Numeric(15, 2), default=Decimal(0))


class Entry(Base):
    """One income or expense."""

    __tablename__ = "entries"
    __table_args__ = (Index("entries_of_book", "book_id", text("occurred_on DESC"), text("id DESC")),)

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    book_id: Mapped[UUID] = mapped_column(ForeignKey("books.id"))
    kind: Mapped[str] = mapped_column(String(7))
    amount: Mapped[Decimal] = mapped_column(Numeric(15, 2))
    occurred_on: Mapped[date]
    memo: Mapped[str]
    tags: Mapped[list[str]] = mapped_column(ARRAY(String(50)))
    deleted: Mapped[bool] = mapped_column(default=False)
    created_by: Mapped[UUID]
    created_at: Mapped[datetime] = mapped_column(default=lambda: datetime.now(UTC))
    updated_at: Mapped[datetime] = mapped_column(default=lambda: datetime.now(UTC))
    version: Mapped[int] = mapped_column(default=1)


# A book of $3 entries at once: $1 book, $2 owner. Only what fills it differs from the endpoint's own INSERT.
FILL = """
INSERT INTO entries (id, book_id, kind, amount, occurred_on, memo, tags,
                     deleted, created_by, created_at, updated_at, version)
SELECT gen_random_uuid(), $1::uuid, CASE WHEN n % 5 = 0 THEN 'income' ELSE 'expense' END,
       1000 + n % 512 * 10, date '2024-11-23' + n % 730, '점심 ' || n, '{식비}', false, $2::uuid, now(), now(), 1
FROM generate_series(1, $3::int) AS n
"""


class NewBook(BaseModel):
    name: str = Field(min_length=1, max_length=100)


class BookOut(BaseModel):
    model_config = ConfigDict(from_attributes=True)
    id: UUID
    name: str
    currency: str
    opening_balance: Decimal


class NewEntry(BaseModel):
    model_config = ConfigDict(extra="forbid")
    kind: Kind
    amount: Decimal = Field(gt=0, max_digits=15, decimal_places=2)
    occurred_on: date = Field(default_factory=lambda: datetime.now(UTC).date())
    memo: str = Field(default="", max_length=10_000)
    tags: list[Annotated[str, Field(max_length=50)]] = Field(default_factory=list, max_length=20)


class EntryOut(BaseModel):
    model_config = ConfigDict(from_attributes=True)
    id: UUID
    book_id: UUID
    kind: Kind
    amount: Decimal
    occurred_on: date
    memo: str
    tags: list[str]
    deleted: bool
    created_by: UUID
    created_at: datetime
    updated_at: datetime
    version: int


class Entries(BaseModel):
    items: list[EntryOut]


class Totals(BaseModel):
    currency: str
    income: Decimal
    expense: Decimal
    total: Decimal
    opening_balance: Decimal
    balance: Decimal


class WalletBook(BaseModel):
    book_id: UUID
    name: str
    currency: str
    balance: Decimal


class Wallet(BaseModel):
    books: list[WalletBook]


def token(user_id: UUID) -> str:
    """Make the access token that a sign-in would."""
    return jwt.encode({"sub": str(user_id), "exp": datetime.now(UTC) + timedelta(hours=1)}, SECRET, "HS256")


async def session(request: Request) -> AsyncIterator[AsyncSession]:
    async with request.app.state.sessions() as opened:
        yield opened


async def user_id(credentials: Annotated[HTTPAuthorizationCredentials, Depends(HTTPBearer())]) -> UUID:
    try:
        claims = jwt.decode(credentials.credentials, SECRET, ["HS256"], options={"require": ["sub", "exp"]})
    except jwt.InvalidTokenError as error:
        raise HTTPException(401, headers={"WWW-Authenticate": "Bearer"}) from error
    return UUID(claims["sub"])


Session = Annotated[AsyncSession, Depends(session)]
UserId = Annotated[UUID, Depends(user_id)]


async def owned_book(book_id: UUID, session: Session, user_id: UserId) -> Book:
    book = await session.get(Book, book_id)
    if book is None or book.owner_id != user_id:
        raise HTTPException(404)
    return book


OwnedBook = Annotated[Book, Depends(owned_book)]

INCOME = func.coalesce(func.sum(Entry.amount).filter(Entry.kind == "income"), 0)
EXPENSE = func.coalesce(func.sum(Entry.amount).filter(Entry.kind == "expense"), 0)


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Make the tables and hold the pool."""
    engine = create_async_engine(app.state.dsn, pool_size=POOL_SIZE, max_overflow=0)
    async with engine.begin() as connection:
        await connection.run_sync(Base.metadata.create_all)
    app.state.sessions = async_sessionmaker(engine, expire_on_commit=False)
    print(f"ready on http://127.0.0.1:{app.state.port}", flush=True)
    yield
    await engine.dispose()


app = FastAPI(lifespan=lifespan)


@app.post("/books", status_code=201)
async def create_book(body: NewBook, session: Session, user_id: UserId) -> BookOut:
    book = Book(owner_id=user_id, name=body.name)
    session.add(book)
    await session.commit()
    return BookOut.model_validate(book)


@app.post("/books/{book_id}/entries", status_code=201)
async def create_entry(body: NewEntry, book: OwnedBook, session: Session, user_id: UserId) -> EntryOut:
    entry = Entry(book_id=book.id, created_by=user_id, **body.model_dump())
    session.add(entry)
    await session.commit()
    return EntryOut.model_validate(entry)


@app.get("/books/{book_id}/entries")
async def list_entries(book: OwnedBook, session: Session, limit: Annotated[int, Query(ge=1, le=200)] = 50) -> Entries:
    query = (
        select(Entry)
        .where(Entry.book_id == book.id, Entry.deleted.is_(False))
        .order_by(Entry.occurred_on.desc(), Entry.id.desc())
        .limit(limit)
    )
    found = await session.scalars(query)
    return Entries(items=[EntryOut.model_validate(entry) for entry in found])


@app.get("/books/{book_id}/entries/{entry_id}")
async def read_entry(entry_id: UUID, book: OwnedBook, session: Session) -> EntryOut:
    entry = await session.get(Entry, entry_id)
    if entry is None or entry.book_id != book.id or entry.deleted:
        raise HTTPException(404)
    return EntryOut.model_validate(entry)


@app.get("/books/{book_id}/totals")
async def read_totals(book: OwnedBook, session: Session) -> Totals:
    query = select(INCOME, EXPENSE).where(Entry.book_id == book.id, Entry.deleted.is_(False))
    income, expense = (await session.execute(query)).one()
    return Totals(
        currency=book.currency,
        income=income,
        expense=expense,
        total=income - expense,
        opening_balance=book.opening_balance,
        balance=book.opening_balance + income - expense,
    )


@app.get("/wallet")
async def read_wallet(session: Session, user_id: UserId) -> Wallet:
    query = (
        select(Book.id.label("book_id"), Book.name, Book.currency)
        .add_columns((Book.opening_balance + INCOME - EXPENSE).label("balance"))
        .outerjoin(Entry, (Entry.book_id == Book.id) & Entry.deleted.is_(False))
        .where(Book.owner_id == user_id)
        .group_by(Book.id)
    )
    rows = (await session.execute(query)).mappings()
    return Wallet(books=[WalletBook.model_validate(row) for row in rows])


def main() -> None:
    """Serve on a free port of the loopback address until SIGTERM."""
    listening = socket.create_server(("127.0.0.1", 0), backlog=2048)
    app.state.port = listening.getsockname()[1]
    app.state.dsn = sys.argv[1].replace("postgresql://", "postgresql+asyncpg://", 1)
    uvicorn.Server(uvicorn.Config(app, log_level="warning", access_log=False)).run([listening])


if __name__ == "__main__":
    main()
