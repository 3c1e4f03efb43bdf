"""Money: which decimal strings are amounts, in which currency."""

import re
from contextlib import nullcontext
from decimal import Decimal

import pytest
from hypothesis import given, strategies

from ledger.money import DIGITS_MAX, decimals_of, format_amount, is_currency, parse_amount, parse_decimal

CURRENCIES = {"KRW": 0, "USD": 2, "KWD": 3}


@pytest.mark.parametrize(("currency", "decimals"), CURRENCIES.items())
def test_currency_has_the_decimals_of_iso_4217(currency, decimals):
    assert decimals == decimals_of(currency)


@pytest.mark.parametrize("code", ["XXX", "XAU", "XTS", "krw", "WON", "", "KRW "])
def test_code_without_a_minor_unit_is_no_currency(code):
    assert not is_currency(code)


@pytest.mark.parametrize(
    ("text", "currency", "amount_minor"),
    [
        ("12000", "KRW", 12_000),
        ("0", "KRW", 0),
        ("-5", "KRW", -5),
        ("12", "USD", 1_200),
        ("12.5", "USD", 1_250),
        ("12.50", "USD", 1_250),
        ("0.01", "USD", 1),
        ("-0.01", "USD", -1),
        ("1.234", "KWD", 1_234),
        ("999999999999999", "KRW", 10**15 - 1),
        ("9999999999999.99", "USD", 10**15 - 1),
        ("999999999999999", "USD", (10**15 - 1) * 100),
    ],
)
def test_amount_in_an_accepted_form_is_read_as_minor_units(text, currency, amount_minor):
    assert amount_minor == parse_amount(text, currency)


@pytest.mark.parametrize(
    "text",
    [
        *("", " ", "012", "00", ".5", "5.", "+5", "--5", "1_000", "1,000", " 5", "5 ", "5\n", "1e3", "1E3", "0x10"),
        *("NaN", "Infinity", "-", "1.2.3", "5-", "٣", "\uff15", "½", "₩5", "-012"),
    ],
)
def test_amount_in_another_form_is_refused(text):
    with pytest.raises(ValueError, match="An amount is a decimal string"):
        parse_decimal(text)


@pytest.mark.parametrize(
    ("text", "currency", "message"),
    [
        ("1.0", "KRW", "KRW has no decimals."),
        ("1.000", "USD", "USD has 2 decimals."),
        ("1.2345", "KWD", "KWD has 3 decimals."),
    ],
)
def test_amount_with_more_decimals_than_its_currency_is_refused(text, currency, message):
    with pytest.raises(ValueError, match=message):
        parse_amount(text, currency)


def test_amount_that_does_not_fit_64_bits_is_refused():
    assert 10**18 - 10**4 == parse_amount("99999999999999", "CLF")
    with pytest.raises(ValueError, match="at most 14 digits before the point"):
        parse_amount("100000000000000", "CLF")


@pytest.mark.parametrize("text", ["9" * (DIGITS_MAX + 1), "1." + "0" * DIGITS_MAX, "-" + "9" * (DIGITS_MAX + 1)])
def test_amount_of_too_many_digits_is_refused(text):
    with pytest.raises(ValueError, match="at most 15 digits in all"):
        parse_decimal(text)


@pytest.mark.parametrize(
    ("amount_minor", "currency", "text"),
    [
        (12_000, "KRW", "12000"),
        (-1, "KRW", "-1"),
        (0, "USD", "0.00"),
        (5, "USD", "0.05"),
        (-5, "USD", "-0.05"),
        (1_250, "USD", "12.50"),
        (1, "KWD", "0.001"),
        (-12_345, "KWD", "-12.345"),
    ],
)
def test_amount_written_shows_the_decimals_of_its_currency(amount_minor, currency, text):
    assert text == format_amount(amount_minor, currency)


@given(strategies.integers(1 - 10**DIGITS_MAX, 10**DIGITS_MAX - 1), strategies.sampled_from(sorted(CURRENCIES)))
def test_amount_written_and_read_is_the_same(amount_minor, currency):
    assert amount_minor == parse_amount(format_amount(amount_minor, currency), currency)


@given(strategies.from_regex(r"-?[0-9.,+eE _]{1,20}", fullmatch=True) | strategies.text())
def test_amount_of_any_text_is_read_only_in_the_accepted_form(text):
    accepted = re.fullmatch(r"-?(0|[1-9][0-9]*)(\.[0-9]{1,2})?", text) and len(re.sub("[^0-9]", "", text)) <= DIGITS_MAX
    with nullcontext() if accepted else pytest.raises(ValueError, match=r"\.$"):
        assert parse_amount(text, "USD") == Decimal(text) * 100
