"""Events to bytes and back: canonical, sealed, exact."""

from datetime import date
from uuid import UUID

import orjson
import pytest
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given
from hypothesis import strategies as st
from uuid_utils.compat import uuid7

from auth.session import Session
from auth.user import EmailClaim, User
from eventstore.codec import Metadata, canonical, decode, encode
from ledger.entry import Entry
from tests.given import an_id
from tests.told import BOOK, ENTRY, FOOD, OWNER, START, a_book, a_posting, an_entry

KEY = AESGCM(bytes(range(32)))
METADATA = Metadata(OWNER, "request-1")
SECRETS = ["lunch with Kim", "noodles"]


def encoded(aggregate, journal_id=BOOK, metadata=METADATA, key=KEY):
    return [encode(event, journal_id, metadata, key) for event in aggregate.unrecorded_events()]


def row(event, **changes):
    """The row that the database would give back for an event as appended."""
    return {**event._asdict(), "position": 7, "recorded_at": START, **changes}


def state(event):
    return orjson.loads(event.state)


def test_canonical_bytes_have_sorted_keys_utf8_and_no_spaces():
    value = {"b": [1, True, None], "a": {"z": "한", "y": date(2026, 11, 23)}, "c": an_id(1)}
    expected = '{"a":{"y":"2026-11-23","z":"한"},"b":[1,true,null],"c":"00000000-0000-0000-0000-000000000001"}'
    assert expected.encode() == canonical(value)


def test_canonical_bytes_of_records_have_sorted_keys_too():
    expected = b'{"amount_minor":5,"category_id":null,"kind":"expense","occurred_on":"2026-11-23"}'
    assert expected == canonical(a_posting(5, category_id=None))


@given(st.dictionaries(st.text(), st.integers(-(2**53), 2**53) | st.text() | st.none()))
def test_canonical_bytes_do_not_depend_on_the_order_of_making(value):
    reverse = dict(reversed(list(value.items())))
    assert canonical(value) == canonical(reverse)
    assert value == orjson.loads(canonical(value))


def test_event_encoded_keeps_amounts_days_kinds_and_ids_readable():
    (event,) = encoded(an_entry(posting=a_posting(5), copied_from=an_id(9)))
    assert (BOOK, ENTRY, 1, "entry.recorded") == event[:4]
    posting = {
        "amount_minor": 5,
        "category_id": str(FOOD.category_id),
        "kind": "expense",
        "occurred_on": "2026-11-23",
    }
    assert {"adds": posting, "copied_from": str(an_id(9))} == {
        name: state(event)[name] for name in ("adds", "copied_from")
    }
    assert canonical(state(event)) == event.state


def test_event_encoded_holds_nothing_that_the_store_keeps_elsewhere():
    (event,) = encoded(an_entry())
    own = {"adds", "batch_id", "copied_from", "memo", "tags", "transfer"}
    assert own | {"actor", "class_version", "request_id"} == state(event).keys()


def test_event_encoded_notes_the_operation_that_it_belongs_to_and_only_where_there_is_one():
    operation = an_id(77)
    (event,) = encoded(an_entry(), metadata=Metadata(OWNER, "request-1", operation, "fingerprint"))
    assert (str(operation), "fingerprint") == (state(event)["operation"], state(event)["fingerprint"])
    recorded = decode(row(event), KEY)
    assert (operation, "fingerprint") == (recorded.operation, recorded.fingerprint)


def test_event_encoded_notes_who_caused_it_and_in_which_request():
    (event,) = encoded(an_entry())
    assert (str(OWNER), "request-1") == (state(event)["actor"], state(event)["request_id"])
    recorded = decode(row(event), KEY)
    assert (OWNER, "request-1") == (recorded.actor, recorded.request_id)


def test_event_encoded_without_an_actor_is_the_systems():
    (event,) = encoded(an_entry(), metadata=Metadata(None, "sweep"))
    assert "system" == state(event)["actor"]
    assert decode(row(event), KEY).actor is None


def test_event_decoded_knows_its_place_and_time():
    (event,) = encoded(an_entry())
    recorded = decode(row(event), KEY)
    assert (BOOK, 7, ENTRY, 1, START) == (
        recorded.journal_id,
        recorded.position,
        recorded.stream_id,
        recorded.version,
        recorded.recorded_at,
    )
    assert (ENTRY, 1, START) == (
        recorded.event.originator_id,
        recorded.event.originator_version,
        recorded.event.timestamp,
    )


def test_sealed_fields_cannot_be_read_in_the_bytes():
    (event,) = encoded(an_entry(memo=SECRETS[0], tags=SECRETS[1:]))
    for secret in SECRETS:
        assert secret.encode() not in event.state
        assert secret.encode().hex() not in event.state.hex()
    recorded = decode(row(event), KEY).event
    assert isinstance(recorded, Entry.Recorded)
    assert (SECRETS[0], SECRETS[1:]) == (recorded.memo, recorded.tags)


def test_sealed_field_of_the_same_text_looks_different_every_time():
    one, other = (encoded(an_entry(memo="lunch"))[0] for _ in range(2))
    assert state(one)["memo"] != state(other)["memo"]


def test_sealed_field_that_is_none_stays_none():
    entry = an_entry()
    entry.amend(a_posting(5), entry.memo, entry.tags)
    amended = encoded(entry)[1]
    assert (None, None) == (state(amended)["memo"], state(amended)["tags"])
    assert decode(row(amended), KEY).event.memo is None


def test_sealed_field_of_an_empty_text_is_sealed_as_well():
    (event,) = encoded(an_entry(memo="", tags=[]))
    assert "" != state(event)["memo"]
    recorded = decode(row(event), KEY).event
    assert ("", []) == (recorded.memo, recorded.tags)


@pytest.mark.parametrize("changes", [{"journal_id": an_id(99)}, {"stream_id": an_id(99)}, {"version": 2}])
def test_sealed_field_moved_to_another_place_does_not_open(changes):
    (event,) = encoded(an_entry())
    with pytest.raises(InvalidTag):
        decode(row(event, **changes), KEY)


def test_sealed_field_moved_to_another_field_does_not_open():
    (event,) = encoded(a_book(name="Home", description="ours"))
    sealed = state(event)
    moved = {**sealed, "name": sealed["description"]}
    with pytest.raises(InvalidTag):
        decode(row(event, state=canonical(moved)), KEY)


def test_sealed_field_damaged_or_under_another_key_does_not_open():
    (event,) = encoded(an_entry())
    with pytest.raises(InvalidTag):
        decode(row(event), AESGCM(bytes(32)))
    cut = {**state(event), "memo": state(event)["memo"][:-8]}
    with pytest.raises(InvalidTag):
        decode(row(event, state=canonical(cut)), KEY)


def test_sealed_fields_without_the_key_are_none_and_the_rest_is_there():
    (event,) = encoded(an_entry(posting=a_posting(5)))
    recorded = decode(row(event), None).event
    assert (None, None, a_posting(5)) == (recorded.memo, recorded.tags, recorded.adds)


def test_sealing_without_a_key_is_refused():
    with pytest.raises(TypeError, match="has no data key"):
        encoded(an_entry(), key=None)


def test_every_personal_field_of_a_user_is_sealed():
    user = User(
        id=OWNER,
        email="kim@example.com",
        name="Kim",
        birth_date=date(1990, 2, 28),
        phone_number="+82101234567",
        password_hash="$argon2id$",
    )
    (event,) = encoded(user, journal_id=OWNER)
    for secret in (b"kim@", b"Kim", b"1990", b"+8210", b"argon2"):
        assert secret not in event.state
    recorded = decode(row(event), KEY).event
    assert isinstance(recorded, User.SignedUp)
    assert ("kim@example.com", "Kim", date(1990, 2, 28), "+82101234567", "$argon2id$") == (
        recorded.email,
        recorded.name,
        recorded.birth_date,
        recorded.phone_number,
        recorded.password_hash,
    )


def test_session_is_sealed_where_it_is_personal():
    session = Session(id=an_id(50), refresh_hash="abc", user_agent="Firefox", ip="192.0.2.1", amr=["pwd"])
    (event,) = encoded(session, journal_id=OWNER)
    assert b"Firefox" not in event.state
    assert b"192.0.2.1" not in event.state
    assert "abc" == state(event)["refresh_hash"]


def test_ids_days_and_records_come_back_as_what_they_were():
    aggregates = (a_book(), an_entry(copied_from=an_id(9)))
    for aggregate in aggregates:
        (event,), (before,) = encoded(aggregate), aggregate.unrecorded_events()
        after = decode(row(event), KEY).event
        fields = set(vars(before)) - {"timestamp"}
        assert {name: getattr(before, name) for name in fields} == {name: getattr(after, name) for name in fields}


def test_id_without_sealed_fields_comes_back_without_a_key():
    (event,) = encoded(EmailClaim(id=an_id(60), user_id=OWNER), journal_id=an_id(60), key=None)
    claimed = decode(row(event), None).event
    assert (OWNER, UUID) == (claimed.user_id, type(claimed.user_id))


def test_id_of_the_drivers_own_kind_is_encoded_like_any_other():
    asyncpg_uuid = pytest.importorskip("asyncpg.pgproto.pgproto").UUID
    assert canonical({"id": an_id(5)}) == canonical({"id": asyncpg_uuid(str(an_id(5)))})


@given(
    st.integers(1, 10**15),
    st.dates(),
    st.text(),
    st.lists(st.text(min_size=1), max_size=20),
    st.none() | st.uuids(),
)
def test_any_entry_comes_back_as_it_was(amount_minor, day, memo, tags, category_id):
    posting = a_posting(amount_minor, occurred_on=day, category_id=category_id)
    entry = an_entry(uuid7(), posting, memo=memo, tags=tags)
    (event,) = encoded(entry)
    replayed = decode(row(event), KEY).event.mutate(None)
    assert (posting, memo, tags) == (replayed.posting, replayed.memo, replayed.tags)
