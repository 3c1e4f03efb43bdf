"""Money: integers of minor units with an ISO 4217 currency, decimal strings outside; never a float."""

import re
from decimal import Decimal
from typing import Final

from iso4217 import Currency

DIGITS_MAX: Final = 15
TOO_MANY_DIGITS: Final = f"An amount has at most {DIGITS_MAX} digits in all."
MINOR_DIGITS_MAX: Final = 18
"""What 64 bits hold; binding for the currencies with four decimals alone."""
_DECIMALS: Final = {
    currency.code: currency.exponent
    for currency in Currency
    if currency.exponent is not None and currency.code != "XXX"
}
_AMOUNT: Final = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?")


def is_currency(code: str) -> bool:
    """Tell whether this is an ISO 4217 code with a minor unit."""
    return code in _DECIMALS


def decimals_of(currency: str) -> int:
    """Tell how many decimals amounts of a currency have."""
    return _DECIMALS[currency]


def parse_decimal(text: str) -> Decimal:
    """Read a decimal string such as `12.50`, of whatever currency.

    Raises: ValueError, with a sentence for users, where the form or the digits (at most 15 in all) do not fit.
    """
    if _AMOUNT.fullmatch(text) is None:
        raise ValueError("An amount is a decimal string such as “12000” or “12.50”.")
    if len(text) - text.count("-") - text.count(".") > DIGITS_MAX:
        raise ValueError(TOO_MANY_DIGITS)
    return Decimal(text)


def parse_amount(text: str, currency: str) -> int:
    """Read a decimal string as minor units.

    Raises: ValueError as parse_decimal, and where it has more decimals than the currency or does not fit 64 bits.
    """
    amount, decimals = parse_decimal(text), _DECIMALS[currency]
    if -int(amount.as_tuple().exponent) > decimals:
        raise ValueError(f"{currency} has {decimals or 'no'} decimals.")
    amount_minor = int(amount.scaleb(decimals))
    if abs(amount_minor) >= 10**MINOR_DIGITS_MAX:
        raise ValueError(f"An amount in {currency} has at most {MINOR_DIGITS_MAX - decimals} digits before the point.")
    return amount_minor


def require_positive(amount_minor: int) -> int:
    """Raises: ValueError, with a sentence for users, where an amount is zero or less."""
    if amount_minor <= 0:
        raise ValueError("An amount is greater than zero; say income or expense by its kind.")
    return amount_minor


def format_amount(amount_minor: int, currency: str) -> str:
    """Write minor units as a decimal string with all the currency's decimals."""
    decimals = _DECIMALS[currency]
    if decimals == 0:
        return str(amount_minor)
    digits = str(abs(amount_minor)).rjust(decimals + 1, "0")
    return f"{'-' if amount_minor < 0 else ''}{digits[:-decimals]}.{digits[-decimals:]}"
