"""The archived form: which lines are taken, and which are not."""

import asyncpg
import pytest

from eventstore.archive import HEADER, export
from eventstore.errors import ArchiveInvalid
from eventstore.restore import restore
from projections.migrate import migrate_database
from tests.contract.books import recorded


def ignore(_):
    """Nobody watches."""


def without(line):
    return lambda lines: lines[:line] + lines[line + 1 :]


def changed(line, old, new):
    def change(lines):
        assert old in lines[line]
        return [*lines[:line], lines[line].replace(old, new), *lines[line + 1 :]]

    return change


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (without(2), "line 3: its position must be 1"),
        (without(3), "line 4: its position must be 2"),
        (without(1), "line 2: the line that begins its journal is missing"),
        (lambda lines: lines[:-1], "line 6: the end is missing"),
        (lambda lines: [*lines, lines[-1]], "line 7: there is more after the end"),
        (lambda lines: [*lines[:4], lines[-1]], "line 5: the journals and events of the file are not as many"),
        (lambda lines: lines[:2] + lines[-1:], "line 3: the journal before has no events"),
        (lambda lines: [*lines[:5], lines[-1].rstrip("\n")], "line 6: it is cut off"),
        (changed(3, '"version":1', '"version":3'), "line 4: its version must be 1"),
        (changed(3, '"position":2', '"position": 2'), "line 4: it is not in canonical form"),
        (changed(3, '"state":{', '"state":{"zz":1,'), "line 4: it is not in canonical form"),
        (changed(3, '"topic":"entry.recorded"', '"topic":"entry.eaten"'), "line 4: no event is called entry.eaten"),
        (changed(3, '"topic":"entry.recorded"', '"topic":"os:abort"'), "line 4: no event is called os:abort"),
        (changed(3, '"recorded_at":"2', '"recorded_at":"1'), "line 4: it is recorded earlier"),
        (changed(1, '"kind":"book"', '"kind":"boot"'), "line 2: no kind of journal is called boot"),
        (changed(2, '"journal":', '"jounal":'), "line 3: it is no line of an archive"),
        (lambda _: [], "line 1: there are no events"),
        (lambda _: ["null\n"], "line 1: it is no line of an archive"),
    ],
)
async def test_what_export_would_not_have_written_is_refused_by_its_line(
    change, said, store, metadata, book, database, keyring, empty_dsn
):
    for _ in range(2):
        await recorded(store, metadata, book)
    lines = [line + b"\n" async for line in export(database, None, with_keys=True, begin=ignore, advance=ignore)]
    assert (HEADER + b"\n", 6) == (lines[0], len(lines))
    await migrate_database(empty_dsn)
    owner = await asyncpg.connect(empty_dsn)

    with pytest.raises(ArchiveInvalid) as refused:
        await restore(owner, keyring, [line.encode() for line in change([line.decode() for line in lines])])

    assert said in str(refused.value)
    assert 0 == await owner.fetchval("SELECT count(*) FROM eventstore.events")
    await owner.close()
