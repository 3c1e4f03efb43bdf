"""The book: its name, currency, members and categories."""

import unicodedata
from dataclasses import dataclass, replace
from datetime import date
from typing import Final
from uuid import UUID

from eventsourcing.domain import event

from eventstore.aggregate import Aggregate, Created
from ledger.errors import (
    AlreadyClosed,
    AlreadyMember,
    BookDeleted,
    BookNotDeleted,
    BookNotFound,
    CategoryDeleted,
    CategoryExists,
    CategoryNotDeleted,
    CategoryNotFound,
    ClosingNotFound,
    MemberNotFound,
    NotPermitted,
    OwnerMustStay,
    PeriodClosed,
    TooManyCategories,
    TooManyMembers,
)

CATEGORIES_MAX: Final = 300
MEMBERS_MAX: Final = 100

OWNER: Final = "owner"
EDITOR: Final = "editor"
ROLES: Final = (OWNER, EDITOR, "viewer", "auditor")
MEMBERS: Final = frozenset(ROLES)
WRITERS: Final = frozenset({OWNER, EDITOR})
AUDITORS: Final = frozenset({OWNER, EDITOR, "auditor"})
OWNERS: Final = frozenset({OWNER})


@dataclass(frozen=True)
class Category:
    """A name to book entries under; its kind says where it is offered, a refund may still use it."""

    category_id: UUID
    kind: str
    name: str
    deleted: bool = False


class Book(Aggregate):
    """The root of a book's journal; small enough to be kept in memory and guarded."""

    TOPIC = "book"

    class Event(Aggregate.Event):
        """Any event of this kind of stream."""

    class Opened(Event, Created):
        TOPIC = "book.opened"
        SEALED = frozenset({"name", "description"})
        name: str
        description: str
        currency: str
        opening_balance_minor: int
        owner_id: UUID
        categories: list[Category]

    class Amended(Event):
        """None: as before."""

        TOPIC = "book.amended"
        SEALED = frozenset({"name", "description"})
        name: str | None
        description: str | None
        opening_balance_minor: int | None

    class Deleted(Event):
        TOPIC = "book.deleted"

    class Restored(Event):
        TOPIC = "book.restored"

    class CategoryAdded(Event):
        TOPIC = "book.category_added"
        SEALED = frozenset({"name"})
        category_id: UUID
        kind: str
        name: str

    class CategoryRenamed(Event):
        TOPIC = "book.category_renamed"
        SEALED = frozenset({"name"})
        category_id: UUID
        name: str

    class CategoryDeleted(Event):
        TOPIC = "book.category_deleted"
        category_id: UUID

    class CategoryRestored(Event):
        TOPIC = "book.category_restored"
        category_id: UUID

    class MemberJoined(Event):
        TOPIC = "book.member_joined"
        user_id: UUID
        role: str
        invitation_id: UUID

    class RoleChanged(Event):
        TOPIC = "book.role_changed"
        user_id: UUID
        role: str

    class HandedOver(Event):
        """Another member owns the book; the owner before is an editor."""

        TOPIC = "book.handed_over"
        user_id: UUID
        former_owner_id: UUID

    class MemberRemoved(Event):
        """By the owner, or by the member: then the actor is the user."""

        TOPIC = "book.member_removed"
        user_id: UUID

    class PeriodClosed(Event):
        """Nothing dated on or before `through` may change."""

        TOPIC = "book.period_closed"
        through: date

    class PeriodReopened(Event):
        """The latest closing is taken back: that through `through`."""

        TOPIC = "book.period_reopened"
        SEALED = frozenset({"reason"})
        through: date
        reason: str

    class Erased(Event):
        """Its only member is. The journal's data key is destroyed with it: nothing that is sealed here can be read."""

        TOPIC = "book.erased"

    @event(Opened)
    def __init__(
        self,
        id: UUID,  # noqa: A002 - the library's name for it
        name: str,
        description: str,
        currency: str,
        opening_balance_minor: int,
        owner_id: UUID,
        categories: list[Category],
    ) -> None:
        self.name = name
        self.description = description
        self.currency = currency
        self.opening_balance_minor = opening_balance_minor
        self.members = {owner_id: OWNER}
        self.categories = {category.category_id: category for category in categories}
        self.closings: list[date] = []
        self.deleted = False

    def require_role(self, actor: UUID | None, roles: frozenset[str]) -> None:
        """Raises: BookNotFound for a stranger, NotPermitted for a member with another role."""
        role = self.members.get(actor) if actor else None
        if role is None:
            raise BookNotFound
        if role not in roles:
            raise NotPermitted

    def require_live(self) -> None:
        """Raises: BookDeleted."""
        if self.deleted:
            raise BookDeleted

    def require_open(self, *days: date) -> None:
        """Raises: PeriodClosed where one of the days is in a closed period."""
        if self.closings and min(days) <= self.closings[-1]:
            raise PeriodClosed(self.closings[-1])

    def amend(self, name: str | None, description: str | None, opening_balance_minor: int | None) -> None:
        """Change what is given and differs; nothing happens where nothing does."""
        self.require_live()
        new_name = None if name == self.name else name
        new_description = None if description == self.description else description
        new_balance = None if opening_balance_minor == self.opening_balance_minor else opening_balance_minor
        if (new_name, new_description, new_balance) != (None, None, None):
            self._amend(new_name, new_description, new_balance)

    def delete(self) -> None:
        self.require_live()
        self._delete()

    def restore(self) -> None:
        if not self.deleted:
            raise BookNotDeleted
        self._restore()

    def join(self, user_id: UUID, role: str, invitation_id: UUID) -> None:
        self.require_live()
        if user_id in self.members:
            raise AlreadyMember
        if len(self.members) >= MEMBERS_MAX:
            raise TooManyMembers(MEMBERS_MAX)
        self._join(user_id, role, invitation_id)

    def change_role(self, user_id: UUID, role: str) -> None:
        """Give a member another role, or do nothing where it is the same; a new owner makes the old one an editor."""
        self.require_live()
        former = self._role_of(user_id)
        if role == former:
            return
        if former == OWNER:
            raise OwnerMustStay
        if role == OWNER:
            self._hand_over(user_id, next(member for member, role in self.members.items() if role == OWNER))
        else:
            self._change_role(user_id, role)

    def remove_member(self, user_id: UUID) -> None:
        self.require_live()
        if self._role_of(user_id) == OWNER:
            raise OwnerMustStay
        self._remove_member(user_id)

    def part_with(self, user_id: UUID) -> None:
        """Let somebody go who is to be erased, also out of a deleted book: with its only member it is erased too.

        Raises: MemberNotFound; OwnerMustStay where others belong to the owner's book.
        """
        if self._role_of(user_id) != OWNER:
            self._remove_member(user_id)
        elif len(self.members) > 1:
            raise OwnerMustStay
        else:
            self._erase()

    def close(self, through: date) -> None:
        """Close everything dated on or before a day."""
        self.require_live()
        if self.closings and through <= self.closings[-1]:
            raise AlreadyClosed(self.closings[-1])
        self._close(through)

    def reopen(self, reason: str) -> None:
        """Take the latest closing back."""
        self.require_live()
        if not self.closings:
            raise ClosingNotFound
        self._reopen(self.closings[-1], reason)

    def category(self, category_id: UUID) -> Category:
        """Raises: CategoryNotFound."""
        try:
            return self.categories[category_id]
        except KeyError:
            raise CategoryNotFound from None

    def add_category(self, category_id: UUID, kind: str, name: str) -> None:
        self.require_live()
        if len(self.categories) >= CATEGORIES_MAX:
            raise TooManyCategories(CATEGORIES_MAX)
        self._require_unused(kind, name)
        self._add_category(category_id, kind, name)

    def rename_category(self, category_id: UUID, name: str) -> None:
        category = self._live_category(category_id)
        if name == category.name:
            return
        self._require_unused(category.kind, name, category_id)
        self._rename_category(category_id, name)

    def delete_category(self, category_id: UUID) -> None:
        self._live_category(category_id)
        self._delete_category(category_id)

    def restore_category(self, category_id: UUID) -> None:
        self.require_live()
        category = self.category(category_id)
        if not category.deleted:
            raise CategoryNotDeleted
        self._require_unused(category.kind, category.name)
        self._restore_category(category_id)

    def _role_of(self, user_id: UUID) -> str:
        """Raises: MemberNotFound."""
        try:
            return self.members[user_id]
        except KeyError:
            raise MemberNotFound from None

    def _live_category(self, category_id: UUID) -> Category:
        self.require_live()
        category = self.category(category_id)
        if category.deleted:
            raise CategoryDeleted
        return category

    def _require_unused(self, kind: str, name: str, but: UUID | None = None) -> None:
        """Names are unique per kind among live categories, compared without case."""
        for category in self.categories.values():
            same = category.kind == kind and fold_case(category.name) == fold_case(name)
            if same and not category.deleted and category.category_id != but:
                raise CategoryExists(name)

    @event(Amended)
    def _amend(self, name: str | None, description: str | None, opening_balance_minor: int | None) -> None:
        if name is not None:
            self.name = name
        if description is not None:
            self.description = description
        if opening_balance_minor is not None:
            self.opening_balance_minor = opening_balance_minor

    @event(Deleted)
    def _delete(self) -> None:
        self.deleted = True

    @event(Restored)
    def _restore(self) -> None:
        self.deleted = False

    @event(CategoryAdded)
    def _add_category(self, category_id: UUID, kind: str, name: str) -> None:
        self.categories[category_id] = Category(category_id, kind, name)

    @event(CategoryRenamed)
    def _rename_category(self, category_id: UUID, name: str) -> None:
        self.categories[category_id] = replace(self.categories[category_id], name=name)

    @event(CategoryDeleted)
    def _delete_category(self, category_id: UUID) -> None:
        self.categories[category_id] = replace(self.categories[category_id], deleted=True)

    @event(CategoryRestored)
    def _restore_category(self, category_id: UUID) -> None:
        self.categories[category_id] = replace(self.categories[category_id], deleted=False)

    @event(MemberJoined)
    def _join(self, user_id: UUID, role: str, invitation_id: UUID) -> None:
        self.members[user_id] = role

    @event(RoleChanged)
    def _change_role(self, user_id: UUID, role: str) -> None:
        self.members[user_id] = role

    @event(HandedOver)
    def _hand_over(self, user_id: UUID, former_owner_id: UUID) -> None:
        self.members |= {user_id: OWNER, former_owner_id: EDITOR}

    @event(MemberRemoved)
    def _remove_member(self, user_id: UUID) -> None:
        del self.members[user_id]

    @event(Erased)
    def _erase(self) -> None:
        self.members = {}  # to everybody it is as if there was no such book
        self.deleted = True

    @event(PeriodClosed)
    def _close(self, through: date) -> None:
        self.closings.append(through)

    @event(PeriodReopened)
    def _reopen(self, through: date, reason: str) -> None:
        self.closings.pop()


def fold_case(text: str) -> str:
    """The form in which texts are compared: without case, NFC."""
    return unicodedata.normalize("NFC", text.casefold())
