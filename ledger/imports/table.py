"""Tables: CSV as people and banks write it, in whatever encoding and with whatever delimiter (RFC 4180, mostly).

The header is looked for, not counted on: of the delimiters and of the first lines, those are taken under which the
columns that are wanted are found. That is surer than statistics over the lines, and passes over the titles that banks
put above their tables.
"""

import codecs
import csv
import io
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from itertools import islice
from operator import itemgetter
from typing import IO, Final, NamedTuple

from ledger.batch import Row
from ledger.errors import InvalidField, LineError
from ledger.imports import fields
from ledger.imports.form import FIELDS, SIDES, Form

RECORD_CHARS_MAX: Final = 131_072
"""What csv itself takes of one field; here of a whole record, so that a missing quotation mark ends somewhere."""
HEADER_LINES_MAX: Final = 20
HEADER_CHARS_MAX: Final = 65_536
COLUMNS_MAX: Final = 256
DELIMITERS: Final = ",;\t|"
CHUNK_BYTES: Final = 65_536
UNICODE: Final = "utf-8-sig"
"""UTF-8, with the mark at its start or without."""
OWN_COLUMNS: Final = ("currency", "id")
"""Columns of our own export that tell something about a line; whatever else a table has is left alone."""


class Header(NamedTuple):
    """Where a table begins, and where its columns are."""

    line: int
    delimiter: str
    width: int
    places: dict[str, int]  # of the columns wanted, by field


class _TooLong(Exception):
    """A record that goes on and on."""


class _Lines:
    """The lines of a text with their ends, for as long as a record has room."""

    def __init__(self, text: io.TextIOWrapper) -> None:
        self._read_line = partial(text.readline, RECORD_CHARS_MAX + 1)
        self.room = RECORD_CHARS_MAX

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = self._read_line()
        if not line:
            raise StopIteration
        self.room -= len(line)
        if self.room < 0:
            raise _TooLong
        return line


def read_table(file: IO[bytes], form: Form, currency: str) -> Iterator[Row | LineError | None]:
    """Read a table line by line.

    Yields: an entry or what is wrong, and None where there was neither, so that the caller gets a turn.
    """
    encoding = UNICODE if form.encoding in {None, "utf-8"} else form.encoding
    if form.encoding is None:
        for guess in _guess_encoding(file):
            yield None
            encoding = guess
    try:
        with _opened(file, encoding) as text:
            header = find_header(text, form)
        if isinstance(header, Header):
            with _opened(file, encoding) as text:
                yield from _read_lines(text, header, form, currency)
        else:
            yield from header
    except UnicodeError:  # also a UTF-16 file without its mark
        yield LineError(1, "", f"The file is no text in {encoding}: say by encoding= which one it is.")


class _opened:  # noqa: N801 - reads as a verb
    """A file as text from its start on; what cannot be decoded is kept apart, to be refused where it is."""

    def __init__(self, file: IO[bytes], encoding: str) -> None:
        file.seek(0)
        self._text = io.TextIOWrapper(file, encoding, errors="surrogateescape", newline="")

    def __enter__(self) -> io.TextIOWrapper:
        return self._text

    def __exit__(self, *_: object) -> None:
        self._text.detach()  # the file is not ours to close


def _guess_encoding(file: IO[bytes]) -> Iterator[str]:
    """Tell UTF-8 and UTF-16 by what they are; else it is CP949, as Korean spreadsheets write.

    Yields: guesses; the last is right.
    """
    file.seek(0)
    decoder = codecs.getincrementaldecoder("utf-8")()
    chunk = file.read(CHUNK_BYTES)
    if chunk.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        yield "utf-16"
        return
    try:
        while chunk:
            decoder.decode(chunk)
            yield UNICODE
            chunk = file.read(CHUNK_BYTES)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        yield "cp949"


def find_header(text: io.TextIOWrapper, form: Form) -> Header | list[LineError]:
    """Find the header, or tell which columns are missing where one most looks like it."""
    sample = io.StringIO(text.read(HEADER_CHARS_MAX), newline="")
    lines = list(islice(sample, HEADER_LINES_MAX))
    candidates = [header for mark in DELIMITERS for header in _headers(lines, mark, form)]
    complete = [header for header in candidates if not _missing(header.places, form)]
    if complete:
        return max(complete, key=lambda header: (len(header.places), header.width, -header.line))
    best = max(candidates, key=lambda header: len(header.places), default=Header(1, ",", 0, {}))
    return [LineError(best.line, name, message) for name, message in _missing(best.places, form).items()]


def _headers(lines: list[str], delimiter: str, form: Form) -> Iterator[Header]:
    reader = csv.reader(lines, delimiter=delimiter)
    line = 1
    try:
        for cells in reader:
            yield Header(line, delimiter, len(cells), _places(cells, form))
            line = reader.line_num + 1
    except csv.Error:
        return


def _places(cells: list[str], form: Form) -> dict[str, int]:
    """Find the columns by their titles, compared without case; of two with one title, none can be meant."""
    folded = [_folded(cell) for cell in cells[:COLUMNS_MAX]]
    count = Counter(folded)
    titles = {title: place for place, title in enumerate(folded) if count[title] == 1}
    wanted = {name: _folded(form.titles.get(name, name)) for name in (*FIELDS, *SIDES, *OWN_COLUMNS)}
    return {name: titles[title] for name, title in wanted.items() if title in titles}


def _folded(title: str) -> str:
    return unicodedata.normalize("NFC", title.strip().casefold())


def _missing(places: dict[str, int], form: Form) -> dict[str, str]:
    """Tell which columns are missing: days, amounts in one way or the other, and those that were named."""
    needed = dict.fromkeys(("occurred_on", *form.titles))
    if not _has_sides(places, form):
        needed["amount"] = None
    return {
        name: f"There is no one column “{form.titles.get(name, name)}”; say {name}= with the title of the one meant."
        for name in needed
        if name not in places
    }


def _has_sides(places: dict[str, int], form: Form) -> bool:
    """Tell whether income and expense have columns of their own: where they were named, or without one of amounts."""
    named = any(side in form.titles for side in SIDES)
    return named or ("amount" not in places and any(side in places for side in SIDES))


class _Line:
    """How to read the cells of a line, picked in the order: two of money, day, category, memo, tags, currency, id."""

    def __init__(self, header: Header, form: Form, currency: str) -> None:
        amount = fields.amount_reader(currency, form.decimal)
        self.columns, self.read_money = _money(header.places, form, amount)
        self.read_day = fields.day_reader(form.date_format)
        self.read_category = fields.category_reader()
        self.read_tags = fields.tags_reader()
        self.currency = currency

    def read(self, line: int, cells: tuple[str, ...]) -> Row:
        """Raises: InvalidField."""
        one, other, day, category, memo, tags, currency, known_as = cells
        fields.require_currency(currency.strip(), self.currency)
        return Row(
            line,
            *self.read_money(one, other),
            self.read_day(day),
            self.read_category(category),
            fields.read_memo(memo),
            self.read_tags(tags),
            fields.read_id(known_as),
        )

    def errors(self, line: int, cells: tuple[str, ...]) -> Iterator[LineError]:
        """Tell everything that is wrong with a line, field by field."""
        one, other, day, category, memo, tags, currency, _ = cells
        steps: list[tuple[Callable[..., object], tuple[str, ...]]] = [
            (fields.require_currency, (currency.strip(), self.currency)),
            (self.read_money, (one, other)),
            (self.read_day, (day,)),
            (self.read_category, (category,)),
            (fields.read_memo, (memo,)),
            (self.read_tags, (tags,)),
        ]
        for read, texts in steps:
            try:
                read(*texts)
            except InvalidField as error:
                yield LineError(line, error.field, error.message)


def _money(places: dict[str, int], form: Form, amount: Callable[[str], int]) -> tuple[tuple[str, str], fields.Money]:
    """Choose how a line tells its kind and amount. Returns: the two columns that do, and their reader."""
    if _has_sides(places, form):
        return SIDES, fields.money_by_side(amount)
    if "kind" in places:
        return ("kind", "amount"), fields.money_by_kind(amount)
    return ("kind", "amount"), fields.money_by_sign(amount)


def _read_lines(text: io.TextIOWrapper, header: Header, form: Form, currency: str) -> Iterator[Row | LineError | None]:
    """Read the lines below the header."""
    line = _Line(header, form, currency)
    columns = (*line.columns, "occurred_on", "category", "memo", "tags", *OWN_COLUMNS)
    pick = itemgetter(*(header.places.get(name, header.width) for name in columns))
    for number, cells in _records(text, header):
        if isinstance(cells, str):
            yield LineError(number, "", cells)
        elif not any(cells):
            yield None
        elif any(cells[header.width :]) or len(cells) < header.width:
            yield LineError(number, "", f"This line has {len(cells)} fields, the header {header.width}.")
        else:
            cells[header.width :] = [""]  # what is picked for a column that there is not
            texts = pick(cells)
            try:
                yield line.read(number, texts)
            except InvalidField:
                yield from line.errors(number, texts)


def _records(text: io.TextIOWrapper, header: Header) -> Iterator[tuple[int, list[str] | str]]:
    """Read record after record. Yields: the line where it starts, and its cells or why it cannot be read."""
    for _ in range(header.line - 1):
        text.readline()
    lines = _Lines(text)
    reader = csv.reader(lines, delimiter=header.delimiter, strict=True)
    next(reader)
    number = header.line + reader.line_num
    while True:
        lines.room = RECORD_CHARS_MAX
        try:
            cells: list[str] | str | None = next(reader, None)
        except csv.Error as error:
            cells = f"This is no CSV: {error}."
        except _TooLong:
            yield number, f"This goes on for more than {RECORD_CHARS_MAX:,} characters: is a quotation mark missing?"
            return
        if cells is None:
            return
        yield number, cells
        number = header.line + reader.line_num
