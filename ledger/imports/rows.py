"""The rows of an uploaded file, of whatever format."""

from collections.abc import Iterator
from typing import IO, Final

from ledger.batch import Row
from ledger.errors import LineError
from ledger.imports.form import CSV, Form
from ledger.imports.ndjson import read_ndjson
from ledger.imports.table import read_table

ENTRIES_MAX: Final = 200_000
LINES_MAX: Final = 1_000_000
"""Empty ones and invalid ones included; all are read, to tell what is wrong with them."""


def read_rows(file: IO[bytes], form: Form, currency: str) -> Iterator[Row | LineError | None]:
    """Read a file from its start, in memory that does not grow with it.

    Yields: an entry or what is wrong with one, in the order of the lines; None where there was neither, so that a
    caller who shares its thread with others can count on short steps.
    """
    records = read_table(file, form, currency) if form.format == CSV else read_ndjson(file, currency)
    entries = errors = 0
    for step, found in enumerate(records, start=1):
        entries += isinstance(found, Row)
        errors += isinstance(found, LineError)
        if entries > ENTRIES_MAX or step > LINES_MAX:
            message = f"An import has at most {ENTRIES_MAX:,} entries, in at most {LINES_MAX:,} lines."
            yield LineError(found.line if found else step, "", message)
            return
        yield found
    if entries == errors == 0:
        yield LineError(1, "", "There are no entries in this file.")
