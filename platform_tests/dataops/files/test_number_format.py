"""Decimal points and commas, thousands, and the cells that leave two readings."""

from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loopcast.dataops.files.number_format import NumberFormat
from loopcast.dataops.table import FileFormat, TableSpec, Variable
from loopcast.dataops.updates import Update, read_update


def spec(**declared):
    return TableSpec("t", "h", "y", (Variable("y"), Variable("z")), file_format=FileFormat(**declared))


def read(*cells, delimiter=";", quote="", **declared):
    rows = "".join(f"2020-01-01 {at:02d}:00{delimiter}{quote}{cell}{quote}\n" for at, cell in enumerate(cells))
    return read_update(f"t{delimiter}y\n{rows}".encode(), name="u.csv", spec=spec(**declared))


@pytest.mark.parametrize(
    ("cells", "values", "decimal", "thousands"),
    [
        (["1.234,56", "7"], [1234.56, 7], "comma", "point"),
        (["1 234,5", "0,25"], [1234.5, 0.25], "comma", "space"),
        (["1\u00a0234\u00a0567,5"], [1234567.5], "comma", "space"),
        (["1\u202f234,5", "-1\u202f000"], [1234.5, -1000], "comma", "space"),
        (["1,234.5", "1,234"], [1234.5, 1234], "point", "comma"),
        (["1'234.5", "2\u2019000"], [1234.5, 2000], "point", "apostrophe"),
        (["1.234", "0.5"], [1.234, 0.5], "point", "none"),
        (["1.234", "0,5"], [1234, 0.5], "comma", "point"),
        (["1.234.567"], [1234567], "comma", "point"),
        (["1,234,567", "1,5"], None, None, None),
        (["1 234", "5"], [1234, 5], "point", "space"),
        (["1234,567"], [1234.567], "comma", "none"),
        (["0,123"], [0.123], "comma", "none"),
        (["1,5e3", ",5", "+2,"], [1500, 0.5, 2], "comma", "none"),
        (["5", "", "-7"], [5, None, -7], "point", "none"),
    ],
)  # fmt: skip
def test_one_telling_number_decides_for_the_file(cells, values, decimal, thousands):
    result = read(*cells)
    if values is None:
        assert {item.rule for item in result.violations} == {"not_a_number"}
        return
    assert isinstance(result, Update), result.summary()
    assert [None if value != value else value for value in result.frame["y"]] == values
    assert (result.facts["decimal"], result.facts["thousands"]) == (decimal, thousands)


@pytest.mark.parametrize(
    ("cells", "delimiter", "quote"),
    [
        (["1,234"], ";", ""), (["1.234", "12.500", "7"], ";", ""), (["-1,234", "12,345"], "\t", ""),
        (["1,234", "999"], ",", '"'),
    ],
)  # fmt: skip
def test_a_number_with_two_readings_is_refused_and_never_guessed(cells, delimiter, quote):
    refusal = read(*cells, delimiter=delimiter, quote=quote)
    assert [(item.rule, item.row, item.column) for item in refusal.violations] == [("ambiguous_number", 2, "y")]
    assert "1234" in refusal.violations[0].found
    assert "1.234" in refusal.violations[0].found


def test_what_else_is_wrong_is_told_beside_a_doubtful_number():
    content = b"t;y;w\n2020-01-01;1,234;7\nnow;2,345;7\n"
    found = [item.rule for item in read_update(content, name="u.csv", spec=spec()).violations]
    assert found == ["unknown_column", "ambiguous_number", "bad_timestamp"]


def test_between_commas_a_bare_point_is_a_decimal_point():
    assert read("1.234", "12.500", delimiter=",").frame["y"].tolist() == [1.234, 12.5]


@pytest.mark.parametrize(
    ("declared", "values"),
    [
        ({"decimal": ","}, [1.234, 12.5]), ({"decimal": "."}, [1234, 12500]), ({"thousands": ","}, [1234, 12500]),
({"decimal": ",", "thousands": ""}, [1.234, 12.5]), ({"thousands": ""}, [1.234, 12.5]),
        ({"thousands": " "}, [1.234, 12.5]),
    ],
)  # fmt: skip
def test_what_is_declared_ends_the_doubt(declared, values):
    assert read("1,234", "12,500", **declared).frame["y"].tolist() == values


def test_a_number_in_another_format_than_the_declared_one_is_none():
    refusal = read("1,5", "1.5", "inf", decimal=",", thousands="")
    assert [(item.rule, item.row) for item in refusal.violations] == [("not_a_number", 3), ("not_finite", 4)]


def test_a_file_that_mixes_formats_is_refused():
    assert [item.rule for item in read("1,5", "1.5").violations] == ["not_a_number"]


def test_another_column_may_tell():
    content = "t;y;z\n2020-01-01;1,234;0,5\n"
    assert read_update(content.encode(), name="u.csv", spec=spec()).frame.loc[0, ["y", "z"]].tolist() == [1.234, 0.5]


FORMATS = [NumberFormat(d, t) for d in ".," for t in ("", ".", ",", " ", "'") if t != d]


def write(value, style):
    """Write hundredths in a style, the naive way."""
    whole, rest = divmod(abs(value), 100)
    groups = f"{whole:,}".replace(",", style.thousands)
    return f"{'-' if value < 0 else ''}{groups}{style.decimal}{rest:02d}"


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(-(10**11), 10**11), min_size=1, max_size=8), st.sampled_from(FORMATS))
def test_numbers_of_every_format_are_read_back(values, style):
    """Two decimals always tell, so nothing is refused and the nearest float is what is read."""
    result = read(*(write(value, style) for value in values))
    assert isinstance(result, Update), result.summary()
    assert result.frame["y"].tolist() == [float(Fraction(value, 100)) for value in values]
