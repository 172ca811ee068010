import gzip
import io
from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loopcast.dataops.table import TableSpec, Variable
from loopcast.dataops.updates import Update, is_on_grid, read_update
from loopcast.dataops.violations import Refusal

WALL = TableSpec(
    "t", "h", "load", (Variable("load", minimum=0, maximum=100), Variable("temp"), Variable("sky", "category"))
)
PANEL = TableSpec("t", "h", "load", (Variable("load"), Variable("temp")), series_keys=("site",))
BERLIN = TableSpec("t", "h", "load", (Variable("load"),), time_zone="Europe/Berlin")


def read_ok(text, *, spec=WALL, name="u.csv"):
    result = read_update(text.encode(), name=name, spec=spec)
    assert isinstance(result, Update), result.summary()
    return result


def found_in(content, *, spec=WALL, name="u.csv"):
    """Return (rule, row, column) of every violation."""
    result = read_update(content.encode() if isinstance(content, str) else content, name=name, spec=spec)
    assert isinstance(result, Refusal), result
    assert result.total == len(result.violations)
    assert all(item.found and item.expected and item.action for item in result.violations)
    return [(item.rule, item.row, item.column) for item in result.violations]


def test_columns_come_in_any_order_and_rows_leave_sorted():
    update = read_ok("temp,t,load\n1,2020-01-01 01:00,5\n,2020-01-01 00:00,6\n")
    assert update.columns_sent == ("load", "temp")
    assert list(update.frame.columns) == ["t", "load", "temp", "_operation"]
    assert update.frame["load"].tolist() == [6.0, 5.0]
    assert update.frame["temp"].isna().tolist() == [True, False]
    assert update.frame["_operation"].tolist() == ["upsert", "upsert"]


def test_dtypes_are_those_of_a_dataset():
    frame = read_ok("t,load,sky\n2020-01-01,5,\n").frame
    assert [str(kind) for kind in frame.dtypes] == ["datetime64[us]", "float64", "str", "str"]


def test_a_removed_row_carries_no_values():
    frame = read_ok("t,load,_operation\n2020-01-01,5,remove\n2020-01-01 01:00,6,\n").frame
    assert frame["_operation"].tolist() == ["remove", "upsert"]
    assert frame["load"].isna().tolist() == [True, False]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("t,load,lod\n2020-01-01,1,2\n", ("unknown_column", 1, "lod")),
        ("load\n1\n", ("missing_key_column", 1, "t")),
        ("t,load,load\n2020-01-01,1,2\n", ("duplicate_column", 1, "load")),
        ("t,load\n2020-01-01,1\n2020-01-01 01:00,x\n", ("not_a_number", 3, "load")),
        ("t,load\n2020-01-01,1\n2020-01-01 01:00,1_000\n", ("not_a_number", 3, "load")),
        ("t,load\n2020-01-01,inf\n", ("not_finite", 2, "load")),
        ("t,load\n2020-01-01,1e999\n", ("not_finite", 2, "load")),
        ("t,load\n2020-01-01,NaN\n", ("not_finite", 2, "load")),
        ("t,load\n2020-01-01,-0.5\n", ("below_minimum", 2, "load")),
        ("t,load\n2020-01-01,100.5\n", ("above_maximum", 2, "load")),
        ("t,load\nyesterday,1\n", ("bad_timestamp", 2, "t")),
        ("t,load\nnow,1\n", ("bad_timestamp", 2, "t")),
        ("t,load\n2020-02-30,1\n", ("bad_timestamp", 2, "t")),
        ("t,load\n0001-01-01,1\n", ("bad_timestamp", 2, "t")),
        ("t,load\n2020-01-01 00:00+01:00,1\n", ("bad_timestamp", 2, "t")),
        ("t,load\n2020-01-01 00:30,1\n", ("off_grid", 2, "t")),
        ("t,load\n2020-01-01,1\n2020-01-01T00,2\n", ("duplicate_key", 3, None)),
        ("t,load,_operation\n2020-01-01,1,delete\n", ("unknown_operation", 2, "_operation")),
        ("t,load\n,1\n", ("empty_key", 2, "t")),
        ("t,load\n", ("no_rows", None, None)),
        ("t,load\n\n\n", ("no_rows", None, None)),
        ("", ("unreadable_file", None, None)),
        ("t,load\n2020-01-01,1,2\n", ("wrong_cell_count", 2, None)),
    ],
)
def test_each_broken_rule_is_named_with_its_row_and_column(text, expected):
    assert expected in found_in(text)


def test_all_violations_are_reported_not_only_the_first():
    text = "t,load,temp\n2020-01-01,x,1\nnonsense,-1,y\n\n2020-01-01 00:20,5,inf\n2020-01-01 02:00,7\n"
    assert found_in(text) == [
        ("not_a_number", 2, "load"),
        ("not_a_number", 3, "temp"),
        ("bad_timestamp", 3, "t"),
        ("below_minimum", 3, "load"),
        ("not_finite", 5, "temp"),
        ("off_grid", 5, "t"),
        ("wrong_cell_count", 6, None),
    ]


def test_a_thousand_violations_are_kept_and_all_are_counted():
    text = "t,load\n" + "".join(f"{day:%Y-%m-%d},x\n" for day in pd.date_range("2020-01-01", periods=1_500))
    refusal = read_update(text.encode(), name="u.csv", spec=WALL)
    assert (len(refusal.violations), refusal.total) == (1_000, 1_500)
    assert [violation.row for violation in refusal.violations[:3]] == [2, 3, 4]


def test_a_file_cut_off_in_the_middle_of_a_row_is_refused():
    whole = "t,load,temp\n2020-01-01 00:00,1,2\n2020-01-01 01:00,3,4\n"
    assert ("wrong_cell_count", 3, None) in found_in(whole[: whole.index("3,4") + 1])


def test_naive_times_are_local_and_offsets_are_obeyed():
    update = read_ok("t,load\n2020-07-01 12:00,1\n2020-07-01T12:00:00Z,2\n2020-07-01 12:00:00-05:00,3\n", spec=BERLIN)
    assert update.frame["t"].tolist() == [pd.Timestamp(f"2020-07-01 {hour}:00") for hour in (10, 12, 17)]


def test_the_hours_of_changing_clocks_are_named_unless_an_offset_tells_them_apart():
    text = "t,load\n2020-03-29 02:00,1\n2020-10-25 02:00,2\n2020-10-25 02:00+02:00,3\n2020-10-25 02:00+01:00,4\n"
    assert found_in(text, spec=BERLIN) == [("dst_gap", 2, "t"), ("dst_overlap", 3, "t")]
    assert len(read_ok("t,load\n" + "\n".join(text.splitlines()[3:]), spec=BERLIN).frame) == 2


def test_a_day_on_the_local_clock_is_on_the_daily_grid_in_utc():
    daily = TableSpec("t", "D", "load", (Variable("load"),), time_zone="Asia/Kolkata")
    assert read_ok("t,load\n2020-01-01,1\n", spec=daily).frame["t"].tolist() == [pd.Timestamp("2019-12-31 18:30")]
    assert found_in("t,load\n2020-01-01T00:00Z,1\n", spec=daily) == [("off_grid", 2, "t")]


@pytest.mark.parametrize(
    ("frequency", "on", "off"),
    [
        ("15min", "2020-01-01 00:45", "2020-01-01 00:50"),
        ("6h", "2020-01-01 18:00", "2020-01-01 17:00"),
        ("D", "2020-01-02", "2020-01-02 01:00"),
        ("W-MON", "2020-01-06", "2020-01-07"),
        ("MS", "2020-02-01", "2020-02-02"),
        ("QS", "2020-04-01", "2020-05-01"),
        ("ME", "2020-02-29", "2020-02-28"),
    ],
)
def test_the_grid_follows_the_frequency(frequency, on, off):
    times = pd.Series(pd.to_datetime([on, off, None], format="ISO8601")).astype("datetime64[us]")
    assert is_on_grid(times, frequency=frequency).tolist() == [True, False, True]


def test_keys_of_a_panel_are_text_and_must_be_there():
    frame = read_ok("site,t,load\n007,2020-01-01,1\n7,2020-01-01,2\n", spec=PANEL).frame
    assert frame["site"].tolist() == ["007", "7"]
    assert found_in("site,t,load\n,2020-01-01,1\n", spec=PANEL) == [("empty_key", 2, "site")]
    assert found_in("site,t,load\na,2020-01-01,1\na,2020-01-01,1\n", spec=PANEL) == [("duplicate_key", 3, None)]


def test_csv_gzip_and_parquet_say_the_same():
    text = "site,t,load,temp\na,2020-01-01 01:00:00,0.1,\nb,2020-01-01 00:00:00,2.5,3\n"
    typed = pd.read_csv(io.StringIO(text), parse_dates=["t"])
    expected = read_ok(text, spec=PANEL)
    for content, name in ((gzip.compress(text.encode()), "u.CSV.GZ"), (typed.to_parquet(index=False), "u.parquet")):
        update = read_update(content, name=name, spec=PANEL)
        assert isinstance(update, Update), update.summary()
        pd.testing.assert_frame_equal(update.frame, expected.frame)


def test_integers_dates_and_aware_times_in_parquet_are_taken():
    times = pd.to_datetime(["2020-01-01 00:00", "2020-01-01 01:00"]).tz_localize("America/New_York")
    content = pd.DataFrame({"t": times, "load": [1, 2]}).to_parquet(index=False)
    frame = read_update(content, name="u.parquet", spec=BERLIN).frame
    assert frame["t"].tolist() == [pd.Timestamp("2020-01-01 05:00"), pd.Timestamp("2020-01-01 06:00")]
    assert frame["load"].tolist() == [1.0, 2.0]


def test_rows_of_a_parquet_file_are_counted_from_one():
    frame = pd.DataFrame({"t": pd.to_datetime(["2020-01-01", "2020-01-02"]), "load": [1.0, np.inf]})
    assert found_in(frame.to_parquet(index=False), name="u.parquet") == [("not_finite", 2, "load")]
    flags = pd.DataFrame({"t": pd.to_datetime(["2020-01-01"]), "load": [True]})
    assert found_in(flags.to_parquet(index=False), name="u.parquet") == [("not_a_number", 1, "load")]


def test_a_byte_order_mark_windows_lines_and_quotes_are_read():
    frame = read_ok('\ufefft,"load",sky\r\n2020-01-01,"5","rain, then ""sun"""\r\n').frame
    assert frame["sky"].tolist() == ['rain, then "sun"']


def test_times_beyond_the_calendar_are_named_in_parquet_too():
    times = np.array(["2020-01-01T00", "9999-12-31T23", "+30000-01-01T00"], dtype="datetime64[us]")
    content = pd.DataFrame({"t": times, "load": [1.0, 2.0, 3.0]}).to_parquet(index=False)
    assert found_in(content, name="u.parquet") == [("bad_timestamp", 2, "t"), ("bad_timestamp", 3, "t")]


@pytest.mark.parametrize("name", ["u.xlsx", "u", "u.csv.zip"])
def test_other_kinds_of_file_are_refused(name):
    assert found_in("t,load\n2020-01-01,1\n", name=name) == [("unreadable_file", None, None)]


def test_text_that_is_not_utf8_is_refused_with_its_line():
    refusal = read_update(b"t,sky\n2020-01-01,a\n2020-01-02,\xe8\n", name="u.csv", spec=WALL)
    assert "line 3" in refusal.summary()


def test_half_a_gzip_or_parquet_file_is_refused():
    text = "t,load\n" + "".join(f"{day:%Y-%m-%d},1\n" for day in pd.date_range("2020", periods=99))
    parquet = pd.DataFrame({"t": pd.to_datetime(["2020-01-01"]), "load": [1.0]}).to_parquet(index=False)
    assert found_in(gzip.compress(text.encode())[:50], name="u.csv.gz") == [("unreadable_file", None, None)]
    assert found_in(parquet[:-30], name="u.parquet") == [("unreadable_file", None, None)]


@settings(deadline=None)
@given(st.floats(min_value=-1e150, max_value=1e150))
def test_every_number_is_read_back_exactly_as_written(value):
    spec = TableSpec("t", "h", "load", (Variable("load"),))
    assert read_ok(f"t,load\n2020-01-01,{value!r}\n", spec=spec).frame["load"].tolist() == [value]


@settings(max_examples=150, deadline=None)
@given(
    st.one_of(
        st.binary(max_size=200),
        st.text(max_size=200).map(lambda text: ("t,load,sky\n" + text).encode("utf-8", "surrogatepass")),
        st.text(alphabet='0123456789-:T+Z ,."\n\r\0einaf', max_size=200).map(lambda text: ("t,load\n" + text).encode()),
    ),
    st.sampled_from(["u.csv", "u.csv.gz", "u.parquet", "u.txt"]),
    st.sampled_from([WALL, BERLIN]),
)
def test_no_bytes_raise(content, name, spec):
    assert isinstance(read_update(content, name=name, spec=spec), Update | Refusal)
    assert isinstance(read_update(gzip.compress(content), name="u.csv.gz", spec=spec), Update | Refusal)


@given(st.data())
@settings(max_examples=200, deadline=None)
def test_damaged_parquet_never_raises(data):
    frame = pd.DataFrame({"t": pd.date_range("2020", periods=5, freq="h"), "load": np.arange(5.0)})
    content = bytearray(frame.to_parquet(index=False))
    content[data.draw(st.integers(0, len(content) - 1))] ^= data.draw(st.integers(1, 255))
    assert isinstance(read_update(bytes(content), name="u.parquet", spec=WALL), Update | Refusal)


def test_a_quote_that_is_left_open_never_swallows_rows():
    rows = "".join(f"2020-01-01 {hour:02d}:00,{hour},clear\n" for hour in range(1, 24))
    found = found_in('t,load,sky\n2020-01-01 00:00,0,"clear\n' + rows)
    assert ("open_quote", None, None) in found
    assert ("line_break", 2, "sky") in found
    assert ("open_quote", None, None) in found_in('t,load\n2020-01-01 00:00,"12\n')


def test_a_quote_that_closes_in_a_later_row_is_refused_where_it_opens():
    assert found_in('t,load,sky\n2020-01-01,0,"clear\n2020-01-01 01:00,1,grey"\n') == [("line_break", 2, "sky")]


def test_a_quoted_comma_and_a_doubled_quote_are_text():
    assert read_ok('t,sky\n2020-01-01,"grey, ""light"" rain"\n').frame["sky"].tolist() == ['grey, "light" rain']


def test_a_required_column_may_be_left_out_but_not_left_empty():
    spec = TableSpec("t", "h", "load", (Variable("load", required=True), Variable("note", "category", required=True)))
    rows = "2024-01-01 00:00,,a,upsert\n2024-01-01 01:00,5,,upsert\n2024-01-01 02:00,,,remove\n2024-01-01 03:00,1,b,\n"
    found = found_in(f"t,load,note,_operation\n{rows}", spec=spec)
    assert found == [("missing_value", 2, "load"), ("missing_value", 3, "note")]
    assert read_ok("t,note\n2024-01-01 00:00,a\n", spec=spec).columns_sent == ("note",)


AHEAD = TableSpec("t", "h", "load", (Variable("load"), Variable("temp"), Variable("wind", known_ahead=True)))


def test_what_is_measured_cannot_be_later_than_the_update():
    text = "t,load,temp,wind\n2026-01-02 12:00,1,2,3\n2026-01-02 13:00,,2,3\n2026-01-02 14:00,1,,3\n2026-01-03,,,3\n"
    now = datetime(2026, 1, 1, 12, tzinfo=UTC)
    refusal = read_update(text.encode(), name="u.csv", spec=AHEAD, now=now)
    assert [(item.rule, item.row, item.column) for item in refusal.violations] == [
        ("future_value", 3, "temp"), ("future_value", 4, "load")
    ]  # fmt: skip
    assert isinstance(read_update(text.encode(), name="u.csv", spec=AHEAD, now=now + timedelta(days=1)), Update)
    removal = b"t,load,_operation\n2030-01-01,1,remove\n"
    assert isinstance(read_update(removal, name="u.csv", spec=AHEAD, now=now), Update)


def test_a_file_off_the_grid_says_what_period_it_seems_to_have():
    text = "t,load\n" + "".join(f"2026-01-01 {at // 4:02d}:{at % 4 * 15:02d},1\n" for at in range(40))
    refusal = read_update(text.encode(), name="u.csv", spec=WALL)
    assert {item.rule for item in refusal.violations} == {"off_grid"}
    assert "declare frequency: 15min" in refusal.violations[0].action


def test_a_name_that_is_nearly_right_brings_a_hint():
    refusal = read_update(b"t,Loads\n2026-01-01,1\n", name="u.csv", spec=WALL)
    assert "did you mean 'load'?" in refusal.summary()


@pytest.mark.parametrize(
    ("cell", "rule"),
    [
        ("=1+1", "formula_text"), ("@SUM(A1)", "formula_text"), (" =cmd|x", "formula_text"), ("+1+2", "formula_text"),
        ("-2+3+cmd|' /C calc'!A0", "formula_text"), ("\uff1d1", "formula_text"), ("#REF!", "error_value"),
        ("a\x07b", "control_character"),
    ],
)  # fmt: skip
def test_text_that_a_spreadsheet_would_compute_is_refused(cell, rule):
    assert rule in [name for name, _, _ in found_in(f't,sky\n2020-01-01,"{cell}"\n')]


@pytest.mark.parametrize(
    "cell", ["-", "+", "-5", "+49 40 1234", "- none -", "-unknown-", "a=b", "1@2", "#1", "N/A", "C:", "../x", "5-10"]
)
def test_ordinary_words_are_no_formulas(cell):
    assert read_ok(f"t,sky\n2020-01-01,{cell}\n").frame["sky"].tolist() == [cell]


@pytest.mark.parametrize(
    "key", ["../etc", "a/../b", "/etc", "..", "~x", "C:\\x", "a\x01", "a\u200bb", "a\u202eb", " a", "a ", "\ufeffa"]
)
def test_a_key_that_is_a_path_or_not_what_it_looks_like_is_refused(key):
    assert found_in(f'site,t,load\n"{key}",2020-01-01,1\n', spec=PANEL) == [("unsafe_key", 2, "site")]


@pytest.mark.parametrize("key", ["a/b", "N/A", "1.2", "Köln Süd", "a..b", "x@y", "tower-1", "-1", "50%", "日本"])
def test_ordinary_keys_pass(key):
    assert read_ok(f"site,t,load\n{key},2020-01-01,1\n", spec=PANEL).frame["site"].tolist() == [key]
