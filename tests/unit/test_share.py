"""The share link: its code, its rules, and what its events make of rows."""

import re
from datetime import timedelta

import pytest

from eventstore.ids import id_of
from ledger.errors import ShareRevoked
from ledger.share import CODE, CODE_BYTES, ShareLink, ShareOpening, code_of, opening_id_of, share_id_of
from projections.shares import ShareRow, fold
from tests.given import an_id, given
from tests.told import BOOK, ENTRY, START, Journal, an_entry

SECOND = timedelta(seconds=1)
TOMORROW = START + timedelta(days=1)
SHARE, OTHER = an_id(60), an_id(61)
KEY = bytes(32)


def a_share(share_id=SHARE, **fields):
    return ShareLink(**{"id": share_id, "entry_id": ENTRY, "expires_at": TOMORROW, **fields})


def revoke(share):
    share.revoke()


def test_link_issued_says_to_what_it_leads_and_until_when():
    share = a_share()
    (event,) = share.unrecorded_events()
    assert (ShareLink.Issued, ENTRY, TOMORROW) == (type(event), event.entry_id, event.expires_at)
    assert (ENTRY, TOMORROW, False) == (share.entry_id, share.expires_at, share.revoked)


def test_link_revoked_stays_so():
    assert given(a_share()).when(revoke).then((ShareLink.Revoked, {})).revoked


def test_link_revoked_before_is_not_revoked_again():
    given(a_share(), revoke).when(revoke).raises(ShareRevoked)


@pytest.mark.parametrize("secret", [bytes(CODE_BYTES), b"\xff" * CODE_BYTES, bytes(range(CODE_BYTES))])
def test_code_is_twelve_characters_that_need_no_escape(secret):
    assert re.fullmatch(r"[A-Za-z0-9_-]{12}", code_of(secret))
    assert CODE.fullmatch(code_of(secret))


@pytest.mark.parametrize("text", ["", "A" * 11, "A" * 13, "AAAAAAAAAAA=", "AAAAAAAAAAA\n", "AAAAAAAAAAA+", "가" * 12])
def test_code_in_another_form_is_none(text):
    assert CODE.fullmatch(text) is None


def test_id_of_a_link_follows_from_its_code_for_who_has_the_key():
    code = code_of(bytes(CODE_BYTES))
    assert share_id_of(code, KEY) == share_id_of(code, KEY)
    assert share_id_of(code, KEY) != share_id_of(code, b"another")
    assert share_id_of(code, KEY) != share_id_of(code_of(b"\1" * CODE_BYTES), KEY)
    assert 8 == share_id_of(code, KEY).version == id_of(bytes(16)).version


def test_openings_of_a_link_are_told_apart_by_link_and_number():
    ids = [opening_id_of(share, number) for share in (SHARE, OTHER) for number in range(1, 1001)]
    assert len(ids) == len(set(ids))
    assert opening_id_of(SHARE, 1) == opening_id_of(SHARE, 1)


def rows_of(journal, rows=None):
    rows = {} if rows is None else rows
    fold(rows, journal.events)
    return rows


def an_opening(number, share_id=SHARE):
    return ShareOpening(id=opening_id_of(share_id, number), share_id=share_id)


def test_link_issued_makes_its_row():
    journal = Journal()
    journal.record(a_share())
    expected = ShareRow(BOOK, SHARE, ENTRY, TOMORROW, START + SECOND, 1, None, [])
    assert {(BOOK, SHARE): expected} == rows_of(journal)


def test_link_revoked_and_opened_shows_at_which_positions():
    journal, share = Journal(), a_share()
    for aggregate in (share, a_share(OTHER), an_opening(1), an_opening(2), an_opening(1, OTHER)):
        journal.record(aggregate)
    share.revoke()
    journal.record(share)
    rows = rows_of(journal)
    assert (1, 6, [3, 4]) == (rows[BOOK, SHARE].since, rows[BOOK, SHARE].revoked_since, rows[BOOK, SHARE].opened)
    assert (2, None, [5]) == (rows[BOOK, OTHER].since, rows[BOOK, OTHER].revoked_since, rows[BOOK, OTHER].opened)


def test_links_folded_in_portions_are_those_folded_at_once():
    journal, share = Journal(), a_share()
    portions = [journal.record(aggregate) for aggregate in (share, an_opening(1), an_opening(2))]
    share.revoke()
    portions.append(journal.record(share))
    rows = {}
    for portion in portions:
        fold(rows, portion)
    assert rows_of(journal) == rows


def test_links_fold_passes_over_events_of_entries():
    journal = Journal()
    journal.record(an_entry())
    assert {} == rows_of(journal)
