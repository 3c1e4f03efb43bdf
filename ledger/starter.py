"""The categories that a new book starts with."""

from collections.abc import Callable
from typing import Final
from uuid import UUID

from ledger.book import Category

_EXPENSES: Final = {
    "ko": ("식비", "쇼핑", "생활용품", "주거", "통신", "교통", "의료", "교육", "문화", "경조사", "보험", "기타"),
    "en": (
        "Food",
        "Shopping",
        "Household goods",
        "Housing",
        "Telephone and internet",
        "Transport",
        "Health",
        "Education",
        "Culture",
        "Gifts and occasions",
        "Insurance",
        "Other",
    ),
}
_INCOMES: Final = {
    "ko": ("급여", "상여", "이자", "용돈", "기타"),
    "en": ("Salary", "Bonus", "Interest", "Allowance", "Other"),
}
LANGUAGES: Final = tuple(_EXPENSES)


def starter_categories(language: str, new_id: Callable[[], UUID]) -> list[Category]:
    """Make the starter set in one of LANGUAGES, expenses first."""
    expenses = [Category(new_id(), "expense", name) for name in _EXPENSES[language]]
    incomes = [Category(new_id(), "income", name) for name in _INCOMES[language]]
    return expenses + incomes
