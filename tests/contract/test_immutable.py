"""History is sacred: nobody changes or removes an event, and the service adds none but through its functions."""

import asyncpg
import pytest

from eventstore.store import Change
from tests.contract.books import everything, recorded

CHANGES = [
    "UPDATE eventstore.events SET state = ''",
    "UPDATE eventstore.events SET position = position + 1 WHERE false",
    "DELETE FROM eventstore.events",
    "DELETE FROM eventstore.events WHERE false",
    "TRUNCATE eventstore.events",
    "TRUNCATE eventstore.events, eventstore.journals CASCADE",
]
INSERTS = [
    "INSERT INTO eventstore.events (SELECT (e).* FROM eventstore.events AS e WHERE false)",
    "INSERT INTO eventstore.events VALUES (gen_random_uuid(), 1, gen_random_uuid(), 1, 'book.deleted', '{}', now())",
    "INSERT INTO eventstore.journals SELECT gen_random_uuid(), kind, 1, recorded_at FROM eventstore.journals",
    "INSERT INTO eventstore.journal_keys SELECT gen_random_uuid(), wrapped_key FROM eventstore.journal_keys",
]
REMAINING = [
    "UPDATE eventstore.journals SET position = 0",
    "DELETE FROM eventstore.journals",
    "UPDATE eventstore.journal_keys SET wrapped_key = ''",
    "DELETE FROM eventstore.journal_keys",
    "ALTER TABLE eventstore.events DISABLE TRIGGER ALL",
    "DROP TABLE eventstore.events",
    "CREATE TABLE eventstore.mine ()",
    "SET session_replication_role = replica",
]


@pytest.mark.parametrize("change", CHANGES)
async def test_events_refuse_change_even_to_their_owner(store, metadata, book, owner, change):
    before = await everything(store, book.id)
    with pytest.raises(asyncpg.RestrictViolationError, match=r"events are immutable: (UPDATE|DELETE|TRUNCATE) refused"):
        await owner.execute(change)
    assert before == await everything(store, book.id)


@pytest.mark.parametrize("change", CHANGES + INSERTS + REMAINING)
async def test_store_refuses_to_the_service_what_is_not_append(book, service, change):
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await service.execute(change)


@pytest.mark.parametrize("function", ["append_events", "append_more", "destroy_keys"])
async def test_append_belongs_to_the_service_alone(owner, function):
    allowed = await owner.fetch(
        "SELECT grantee FROM information_schema.routine_privileges WHERE routine_name = $1"
        " AND grantee NOT IN (SELECT current_user)",
        function,
    )
    assert ["gagyebu_service"] == [row["grantee"] for row in allowed]


async def test_service_works_under_its_role_without_special_rights(service):
    role = await service.fetchrow("SELECT * FROM pg_roles WHERE rolname = current_user")
    assert "gagyebu_service" == role["rolname"]
    special = ("rolsuper", "rolcreaterole", "rolcreatedb", "rolreplication", "rolbypassrls", "rolcanlogin")
    assert [] == [right for right in special if role[right]]


async def test_entry_changed_later_leaves_its_earlier_events_as_they_were(store, metadata, book, owner):
    entry = await recorded(store, metadata, book)
    before = await owner.fetch("SELECT * FROM eventstore.events ORDER BY position")
    entry.delete()
    await store.append(metadata, [Change(book.id, entry)])
    assert before == (await owner.fetch("SELECT * FROM eventstore.events ORDER BY position"))[: len(before)]
