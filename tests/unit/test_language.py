"""The language that a new book's categories are named in."""

import pytest
from aiohttp.test_utils import make_mocked_request

from ledger.http.requests import preferred_language
from ledger.starter import LANGUAGES, starter_categories
from tests.given import an_id


@pytest.mark.parametrize(
    ("header", "language"),
    [
        (None, "ko"),
        ("", "ko"),
        ("ko", "ko"),
        ("en", "en"),
        ("EN-gb", "en"),
        ("ko-KR,ko;q=0.9,en;q=0.8", "ko"),
        ("en-US,en;q=0.9,ko;q=0.8", "en"),
        ("ko;q=0.1,en;q=0.2", "en"),
        ("ko; q=0.1, en; q=0.2", "en"),
        ("ko ;Q=0.1,en ;Q=0.2", "en"),
        ("en;q=0,ko;q=0.1", "ko"),
        ("en;q=0", "ko"),
        ("fr,de;q=0.9,en;q=0.1", "en"),
        ("fr", "ko"),
        ("kok", "ko"),
        ("enm,fr", "ko"),
        ("*", "ko"),
        ("en;q=high,ko;q=0.5", "ko"),
        ("en;q=nan,ko;q=0.5", "ko"),
        (",,;q=1,en", "en"),
    ],
)
def test_language_is_the_best_rated_that_is_spoken(header, language):
    headers = {} if header is None else {"Accept-Language": header}
    assert language == preferred_language(make_mocked_request("POST", "/books", headers))


@pytest.mark.parametrize("language", LANGUAGES)
def test_starter_set_has_names_of_their_own_in_both_kinds(language):
    numbers = iter(range(100))
    categories = starter_categories(language, lambda: an_id(next(numbers)))
    assert (12, 5) == tuple(sum(one.kind == kind for one in categories) for kind in ("expense", "income"))
    assert len(categories) == len({(one.kind, one.name) for one in categories})
    assert len(categories) == len({one.category_id for one in categories})
    assert not any(one.deleted for one in categories)
