"""What the cells of a table mean: both sides of every rule."""

from datetime import date

import pytest
from hypothesis import given, strategies

from ledger.errors import InvalidField
from ledger.imports import fields
from ledger.imports.form import DATE_FORMATS
from ledger.money import format_amount

AMOUNT = "An amount is a decimal string such as “12000” or “12.50”."


def refusal(read, *texts):
    """The field that is refused, and the message."""
    with pytest.raises(InvalidField) as caught:
        read(*texts)
    return caught.value.field, caught.value.message


@pytest.mark.parametrize(
    ("text", "decimal", "currency", "amount_minor"),
    [
        ("12000", ".", "KRW", 12_000),
        ("12,000", ".", "KRW", 12_000),
        ("1,234,567", ".", "KRW", 1_234_567),
        ("1'234'567", ".", "KRW", 1_234_567),
        ("1 234 567", ".", "KRW", 1_234_567),
        ("1\u00a0234,50", ",", "EUR", 123_450),
        ("1\u202f234,50", ",", "EUR", 123_450),
        ("1.234.567,89", ",", "EUR", 123_456_789),
        ("1,234.5", ".", "USD", 123_450),
        ("₩12,000", ".", "KRW", 12_000),
        ("12,000원", ".", "KRW", 12_000),
        ("￦ 12,000", ".", "KRW", 12_000),
        ("krw 12000", ".", "KRW", 12_000),
        ("$1,234.50", ".", "USD", 123_450),
        ("12,50 €", ",", "EUR", 1_250),
        ("-₩12,000", ".", "KRW", -12_000),
        ("₩-12,000", ".", "KRW", -12_000),
        ("−5", ".", "KRW", -5),
        ("+5", ".", "KRW", 5),
        ("999,999,999,999,999", ".", "KRW", 10**15 - 1),
    ],
)
def test_amount_as_people_write_it_is_read_exactly(text, decimal, currency, amount_minor):
    assert amount_minor == fields.amount_reader(currency, decimal)(text)


@pytest.mark.parametrize(
    "text",
    [
        *(
            "",
            "-",
            "1,23",
            "12,34,567",
            "1,2345",
            ",123",
            "1,234'567",
            "1234,567",
            "12.000,5",
            "1_000",
            "1e3",
            "٣",
            "½",
        ),
        *(
            "--5",
            "-₩-5",
            "€12",
            "$12",
            "12 won",
            "12000원원",
            "12.",
            ".5",
            "twelve",
            "1 2",
            "NaN",
            "₩",
            "₩₩1",
            "\uff15",
        ),
    ],
)
def test_amount_of_another_form_or_with_a_sign_of_another_currency_is_refused(text):
    with pytest.raises(ValueError, match="An amount is a decimal string"):
        fields.amount_reader("KRW", ".")(text)


def test_amount_with_the_other_decimal_mark_is_refused_and_not_taken_for_another():
    with pytest.raises(ValueError, match="12,50"):
        fields.amount_reader("EUR", ",")("12.50")
    with pytest.raises(ValueError, match=r"12\.50"):
        fields.amount_reader("EUR", ".")("12,50")


@pytest.mark.parametrize(
    ("text", "message"),
    [("12.5", "KRW has no decimals."), ("1" * 16, "at most 15 digits"), ("012", "An amount is a decimal string")],
)
def test_amount_obeys_the_rules_of_every_amount(text, message):
    with pytest.raises(ValueError, match=message):
        fields.amount_reader("KRW", ".")(text)


@given(
    strategies.integers(1 - 10**15, 10**15 - 1), strategies.sampled_from(["KRW", "USD", "KWD"]), strategies.booleans()
)
def test_amount_written_with_thousands_and_either_mark_is_the_same(amount_minor, currency, continental):
    plain = format_amount(amount_minor, currency)
    sign, digits = ("-", plain[1:]) if plain.startswith("-") else ("", plain)
    whole, _, part = digits.partition(".")
    grouped = f"{sign}{int(whole):,}{f'.{part}' if part else ''}"
    text = grouped.translate(str.maketrans(".,", ",.")) if continental else grouped
    assert amount_minor == fields.amount_reader(currency, "," if continental else ".")(text)


@pytest.mark.parametrize(
    ("word", "kind"), [("income", "income"), (" Expense ", "expense"), ("입금", "income"), ("지출", "expense")]
)
def test_money_by_kind_knows_its_words(word, kind):
    assert (kind, 5) == fields.money_by_kind(fields.amount_reader("KRW", "."))(word, " 5 ")


@pytest.mark.parametrize("word", ["", "transfer", "transfer_in", "in"])
def test_money_by_kind_refuses_other_words(word):
    read = fields.money_by_kind(fields.amount_reader("KRW", "."))
    assert ("kind", "Kind is “income” or “expense”.") == refusal(read, word, "5")


@pytest.mark.parametrize("amount", ["0", "-5"])
def test_money_by_kind_refuses_an_amount_that_is_not_greater_than_zero(amount):
    read = fields.money_by_kind(fields.amount_reader("KRW", "."))
    expected = "An amount is greater than zero; say income or expense by its kind."
    assert ("amount", expected) == refusal(read, "income", amount)


@pytest.mark.parametrize(("amount", "money"), [("-5", ("expense", 5)), ("5", ("income", 5)), ("+5", ("income", 5))])
def test_money_by_sign_takes_less_than_zero_for_an_expense(amount, money):
    assert money == fields.money_by_sign(fields.amount_reader("KRW", "."))("", amount)


@pytest.mark.parametrize("amount", ["0", "-0"])
def test_money_by_sign_refuses_zero(amount):
    read = fields.money_by_sign(fields.amount_reader("KRW", "."))
    assert ("amount", "An amount is less or greater than zero; its sign tells expense from income.") == refusal(
        read, "", amount
    )


@pytest.mark.parametrize(("nothing"), ["", "0", " ", "-", "₩0"])
def test_money_by_side_takes_the_side_that_has_an_amount(nothing):
    read = fields.money_by_side(fields.amount_reader("KRW", "."))
    assert (("income", 5), ("expense", 5)) == (read("5", nothing), read(nothing, "5"))


@pytest.mark.parametrize("sides", [("", ""), ("0", "-"), ("5", "5"), ("5", "x")])
def test_money_by_side_refuses_both_sides_and_neither(sides):
    read = fields.money_by_side(fields.amount_reader("KRW", "."))
    assert ("amount", "A line has an amount either of income or of expense.") == refusal(read, *sides)


def test_money_by_side_names_the_side_that_is_wrong():
    read = fields.money_by_side(fields.amount_reader("KRW", "."))
    assert ("expense", AMOUNT) == refusal(read, "0", "five")
    assert "income" == refusal(read, "-5", "")[0]


@pytest.mark.parametrize(
    ("text", "date_format"),
    [
        ("2026-03-05", None),
        (" 2026-03-05 ", None),
        ("2026-03-05", "YYYY-MM-DD"),
        ("2026-3-5", "YYYY-MM-DD"),
        ("2026-03-05T14:22:01", "YYYY-MM-DD"),
        ("2026-03-05 14:22:01.123", "YYYY-MM-DD"),
        ("2026.03.05", "YYYY.MM.DD"),
        ("2026. 3. 5.", "YYYY.MM.DD"),
        ("2026. 3. 5. 오후 2:22", "YYYY.MM.DD"),
        ("2026/03/05 14:22", "YYYY/MM/DD"),
        ("20260305", "YYYYMMDD"),
        ("20260305142201", "YYYYMMDD"),
        ("20260305 142201", "YYYYMMDD"),
        ("26.03.05", "YY.MM.DD"),
        ("26-3-5", "YY-MM-DD"),
        ("26/03/05", "YY/MM/DD"),
        ("05-03-2026", "DD-MM-YYYY"),
        ("5.3.2026", "DD.MM.YYYY"),
        ("05/03/2026", "DD/MM/YYYY"),
        ("03-05-2026", "MM-DD-YYYY"),
        ("3/5/2026 2:22 pm", "MM/DD/YYYY"),
    ],
)
def test_day_is_read_in_the_form_given(text, date_format):
    assert date(2026, 3, 5) == fields.day_reader(date_format)(text)


@pytest.mark.parametrize(
    ("text", "date_format"),
    [
        *(
            (text, None)
            for text in ("", "2026-3-5", "2026-02-29", "2026-03-05 14:22", "2026.03.05", "20260305", "0000-01-01")
        ),
        *(
            (text, "YYYY-MM-DD")
            for text in ("", "2026.03.05", "2026-13-01", "2026-03-05 later", "26-03-05", "2026-03-051422")
        ),
        *((text, "YYYYMMDD") for text in ("2026035", "2026-03-05", "202603051", "20261301", "00000101")),
        *((text, "DD.MM.YYYY") for text in ("03.15.2026", "05.03.26", "5.3.2026Z", "٠٥.٠٣.2026")),
        ("03/15/2026", "DD/MM/YYYY"),
    ],
)
def test_day_in_another_form_or_impossible_is_refused(text, date_format):
    expected = f"A date is an existing day in the form {date_format or 'YYYY-MM-DD'}."
    assert ("occurred_on", expected) == refusal(fields.day_reader(date_format), text)


@given(strategies.dates(date(2000, 1, 1), date(2099, 12, 31)), strategies.sampled_from(DATE_FORMATS))
def test_day_written_in_any_of_the_forms_is_read_as_the_same(day, date_format):
    words = {"YYYY": f"{day:%Y}", "YY": f"{day:%y}", "MM": f"{day:%m}", "DD": f"{day:%d}"}
    text = date_format
    for word, number in words.items():
        text = text.replace(word, number)
    assert day == fields.day_reader(date_format)(text)


@pytest.mark.parametrize(
    ("text", "name"), [("", None), ("  ", None), (" 식비 ", "식비"), ("cafe\u0301", "caf\u00e9"), ("'=1", "=1")]
)
def test_category_is_a_trimmed_name_or_none(text, name):
    assert name == fields.category_reader()(text)


@pytest.mark.parametrize(
    ("text", "tags"),
    [
        ("", ()),
        ("외식", ("외식",)),
        ("외식; 가족 ;", ("외식", "가족")),
        (";;", ()),
        ("a;A;b", ("a", "b")),
        ('"a;b";c', ("a;b", "c")),
        ('"say ""hi""";c', ('say "hi"', "c")),
        ("'=sum;b", ("=sum", "b")),
    ],
)
def test_tags_are_separated_by_semicolons_unless_quoted(text, tags):
    assert tags == fields.tags_reader()(text)


def test_tags_obey_the_limits_of_every_list_of_tags():
    assert 20 == len(fields.tags_reader()(";".join(f"t{n}" for n in range(20))))
    assert ("tags", "Tags are a list of at most 20 texts.") == refusal(fields.tags_reader(), "a;" * 21)
    assert ("tags", "Length must be between 1 and 50 characters.") == refusal(fields.tags_reader(), "x" * 51)


@pytest.mark.parametrize(
    ("text", "memo"),
    [
        ("점심", "점심"),
        (" a ", " a "),
        ("a\r\nb", "a\nb"),
        ("a\tb", "a\tb"),
        ("cafe\u0301", "caf\u00e9"),
        ("'=1+1", "=1+1"),
        ("'tis", "'tis"),
    ],
)
def test_memo_is_kept_but_for_its_form(text, memo):
    assert memo == fields.read_memo(text)


def test_memo_obeys_the_rules_of_every_memo():
    assert "x" * 10_000 == fields.read_memo("x" * 10_000)
    assert ("memo", "Length must be between 0 and 10000 characters.") == refusal(fields.read_memo, "x" * 10_001)
    expected = "Control characters other than tab and newline are not allowed."
    assert ("memo", expected) == refusal(fields.read_memo, "a\x00b")


@pytest.mark.parametrize("read", [fields.read_memo, fields.category_reader(), fields.tags_reader()])
def test_text_of_bytes_in_no_encoding_is_refused(read):
    assert "encoding=" in refusal(read, "caf\udce9")[1]


@pytest.mark.parametrize("read", [fields.category_reader(), fields.tags_reader(), fields.day_reader(None)])
def test_cell_is_bounded_in_length(read):
    assert "This is longer than 1,200 characters." == refusal(read, " " * 1_201)[1]
