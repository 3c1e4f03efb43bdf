"""The entry: every event says which posting it adds and which it removes."""

from dataclasses import replace
from datetime import timedelta

import pytest

from ledger.entry import Content, Entry
from ledger.errors import EntryDeleted, EntryNotDeleted
from tests.given import an_id, given
from tests.told import DAY, SALARY, a_posting, an_entry

POSTING = a_posting()


def deleted(entry):
    entry.delete()


def test_entry_recorded_adds_its_posting():
    entry = an_entry(posting=POSTING, memo="lunch", tags=["a"], copied_from=an_id(9))
    (event,) = entry.unrecorded_events()
    assert Entry.Recorded is type(event)
    assert (POSTING, "lunch", ["a"], an_id(9)) == (event.adds, event.memo, event.tags, event.copied_from)
    assert (POSTING, "lunch", ["a"], an_id(9)) == (entry.posting, entry.memo, entry.tags, entry.copied_from)


@pytest.mark.parametrize(
    "posting",
    [
        replace(POSTING, amount_minor=1),
        replace(POSTING, category_id=None),
        replace(POSTING, category_id=SALARY.category_id),
        replace(POSTING, kind="income"),
        replace(POSTING, occurred_on=DAY - timedelta(days=1)),
    ],
)
def test_entry_amended_in_what_it_counts_for_replaces_its_posting(posting):
    entry = (
        given(an_entry(posting=POSTING))
        .when(lambda entry: entry.amend(posting, entry.memo, entry.tags))
        .then((Entry.Amended, {"removes": POSTING, "adds": posting, "memo": None, "tags": None}))
    )
    assert posting == entry.posting


def test_entry_amended_in_its_memo_keeps_its_posting():
    entry = (
        given(an_entry(memo="lunch"))
        .when(lambda entry: entry.amend(entry.posting, "", entry.tags))
        .then((Entry.Amended, {"removes": None, "adds": None, "memo": "", "tags": None}))
    )
    assert (POSTING, "", ["noodles"]) == (entry.posting, entry.memo, entry.tags)


@pytest.mark.parametrize("tags", [[], ["noodles", "hot"], ["Noodles"]])
def test_entry_amended_in_its_tags_keeps_its_posting(tags):
    entry = (
        given(an_entry(tags=["noodles"]))
        .when(lambda entry: entry.amend(entry.posting, entry.memo, tags))
        .then((Entry.Amended, {"removes": None, "adds": None, "memo": None, "tags": tags}))
    )
    assert (POSTING, "lunch", tags) == (entry.posting, entry.memo, entry.tags)


def test_entry_amended_to_what_it_is_records_nothing():
    given(an_entry(posting=POSTING)).when(lambda entry: entry.amend(a_posting(), "lunch", ["noodles"])).then()


def test_entry_deleted_removes_its_posting():
    entry = given(an_entry(posting=POSTING)).when(deleted).then((Entry.Deleted, {"removes": POSTING}))
    assert entry.deleted


def test_entry_deleted_after_a_change_removes_the_posting_it_has_by_then():
    changed = a_posting(5)
    entry = given(an_entry(), lambda entry: entry.amend(changed, entry.memo, entry.tags))
    entry.when(deleted).then((Entry.Deleted, {"removes": changed}))


def test_entry_restored_adds_its_posting_again():
    story = given(an_entry(posting=POSTING), deleted).when(lambda entry: entry.restore())
    entry = story.then((Entry.Restored, {"adds": POSTING}))
    assert not entry.deleted


@pytest.mark.parametrize(
    "change",
    [deleted, lambda entry: entry.amend(a_posting(1), "x", []), lambda entry: entry.require_live()],
)
def test_entry_deleted_refuses_every_change_but_restore(change):
    given(an_entry(), deleted).when(change).raises(EntryDeleted)


def test_entry_live_is_not_restored():
    given(an_entry()).when(lambda entry: entry.restore()).raises(EntryNotDeleted)


def test_entry_replayed_from_its_events_is_the_same():
    entry = an_entry()
    entry.amend(a_posting(5), "dinner", [])
    entry.delete()
    entry.restore()
    replayed = None
    for event in entry.unrecorded_events():
        replayed = event.mutate(replayed)
    shown = ("id", "version", "posting", "memo", "tags", "copied_from", "deleted")
    assert {name: getattr(entry, name) for name in shown} == {name: getattr(replayed, name) for name in shown}


# ── revert ───────────────────────────────────────────────────────────────────────────────────────────────

FIRST = Content(POSTING, "lunch", ["noodles"], deleted=False)
OTHER = a_posting(5, category_id=None)


def amended(entry):
    entry.amend(OTHER, "dinner", [])


@pytest.mark.parametrize(
    ("earlier", "expected"),
    [
        ([amended], {"removes": OTHER, "adds": POSTING, "memo": "lunch", "tags": ["noodles"], "deleted": False}),
        ([deleted], {"removes": None, "adds": POSTING, "memo": None, "tags": None, "deleted": False}),
        ([amended, deleted], {"removes": None, "adds": POSTING, "memo": "lunch", "tags": ["noodles"]}),
        (
            [lambda entry: entry.amend(POSTING, "", ["noodles"])],
            {"removes": None, "adds": None, "memo": "lunch", "tags": None},
        ),
    ],
    ids=["amended", "deleted", "amended and deleted", "memo"],
)
def test_entry_reverted_is_again_what_it_was(earlier, expected):
    story = given(an_entry(posting=POSTING), *earlier).when(lambda entry: entry.revert(1, FIRST))
    entry = story.then((Entry.Reverted, {"to_version": 1, "posting": POSTING, **expected}))
    assert FIRST == entry.content


def test_entry_reverted_to_when_it_was_deleted_counts_no_more():
    gone = Content(POSTING, "lunch", ["noodles"], deleted=True)
    story = given(an_entry(posting=POSTING), deleted, lambda entry: entry.restore(), amended)
    entry = story.when(lambda entry: entry.revert(2, gone)).then(
        (Entry.Reverted, {"removes": OTHER, "adds": None, "posting": POSTING, "deleted": True})
    )
    assert gone == entry.content


def test_entry_deleted_and_reverted_to_another_deleted_form_counts_nothing_and_is_restored_as_that():
    gone = Content(POSTING, "lunch", ["noodles"], deleted=True)
    story = given(an_entry(posting=POSTING), amended, deleted).when(lambda entry: entry.revert(2, gone))
    entry = story.then((Entry.Reverted, {"removes": None, "adds": None, "posting": POSTING, "deleted": True}))
    given(entry).when(lambda entry: entry.restore()).then((Entry.Restored, {"adds": POSTING}))


def test_entry_reverted_to_what_it_is_records_nothing():
    given(an_entry(posting=POSTING)).when(lambda entry: entry.revert(1, FIRST)).then()


def test_entry_reverted_and_replayed_is_the_same():
    entry = an_entry(posting=POSTING)
    amended(entry)
    entry.revert(1, FIRST)
    replayed = None
    for event in entry.unrecorded_events():
        replayed = event.mutate(replayed)
    assert FIRST == entry.content == replayed.content
