import numpy as np
import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from loopcast.dataops.merge import ChangeCounts, apply_update, count_changes
from loopcast.dataops.table import TableSpec, Variable
from loopcast.dataops.updates import Update

SPEC = TableSpec("t", "h", "y", (Variable("y"), Variable("c", "category")), series_keys=("k",))
HOURS = pd.date_range("2020", periods=3, freq="h")


def dataset(*rows):
    frame = pd.DataFrame(rows, columns=["k", "t", "y", "c"])
    frame = frame.astype({"k": "str", "t": "datetime64[us]", "y": "float64", "c": "str"})
    return frame.sort_values(["k", "t"], ignore_index=True)


def update(rows, *, sent=("y",)):
    frame = pd.DataFrame(rows, columns=["k", "t", *sent, "_operation"])
    kinds = {"k": "str", "t": "datetime64[us]", "_operation": "str", "y": "float64", "c": "str"}
    frame = frame.astype({name: kinds[name] for name in frame.columns})
    return Update(frame.sort_values(["k", "t"], ignore_index=True), tuple(sent))


OLD = dataset(("a", HOURS[0], 1.0, "x"), ("a", HOURS[1], None, "y"), ("b", HOURS[0], 3.0, None))


def test_each_kind_of_change_is_counted_and_done():
    change = update(
        [("a", HOURS[0], 9.0, "upsert"), ("a", HOURS[1], None, "upsert"), ("b", HOURS[0], None, "remove"),
         ("c", HOURS[0], 5.0, "upsert"), ("c", HOURS[1], None, "remove")]
    )  # fmt: skip
    assert count_changes(OLD, change, spec=SPEC) == ChangeCounts(added=1, corrected=1, removed=1, unchanged=2)
    expected = dataset(("a", HOURS[0], 9.0, "x"), ("a", HOURS[1], None, "y"), ("c", HOURS[0], 5.0, None))
    pd.testing.assert_frame_equal(apply_update(OLD, change, spec=SPEC), expected)


def test_a_cell_sent_empty_becomes_missing_and_one_not_sent_stays():
    change = update([("a", HOURS[0], None, "upsert")], sent=("c",))
    new = apply_update(OLD, change, spec=SPEC)
    assert new.loc[0, "y"] == 1.0
    assert new["c"].isna().tolist() == [True, False, True]
    assert count_changes(OLD, change, spec=SPEC).corrected == 1


def test_an_update_without_variables_adds_rows_and_changes_none():
    change = update([("a", HOURS[0], "upsert"), ("z", HOURS[0], "upsert")], sent=())
    assert count_changes(OLD, change, spec=SPEC) == ChangeCounts(1, 0, 0, 1)
    assert len(apply_update(OLD, change, spec=SPEC)) == 4


def test_the_first_update_meets_no_rows():
    change = update([("a", HOURS[0], 1.0, "upsert"), ("a", HOURS[1], None, "remove")])
    assert count_changes(OLD.iloc[:0], change, spec=SPEC) == ChangeCounts(1, 0, 0, 1)
    assert len(apply_update(OLD.iloc[:0], change, spec=SPEC)) == 1


ROWS = st.dictionaries(
    st.tuples(st.sampled_from("abc"), st.sampled_from(list(HOURS))),
    st.tuples(st.sampled_from([None, 1.0, 2.0]), st.sampled_from(["upsert", "remove"])),
    min_size=1,
)


@settings(deadline=None)
@given(ROWS)
def test_an_update_applied_twice_changes_nothing_the_second_time(rows):
    change = update([(*key, None if operation == "remove" else y, operation) for key, (y, operation) in rows.items()])
    once = apply_update(OLD, change, spec=SPEC)
    pd.testing.assert_frame_equal(apply_update(once, change, spec=SPEC), once)
    assert count_changes(once, change, spec=SPEC) == ChangeCounts(0, 0, 0, len(rows))


@settings(deadline=None)
@given(ROWS)
def test_arguments_are_left_alone_and_row_numbers_balance(rows):
    change = update([(*key, y, operation) for key, (y, operation) in rows.items()])
    before, sent = OLD.copy(), change.frame.copy()
    counts, new = count_changes(OLD, change, spec=SPEC), apply_update(OLD, change, spec=SPEC)
    assert len(new) == len(OLD) + counts.added - counts.removed
    assert not new.duplicated(["k", "t"]).any()
    assert np.array_equal(new.index, np.arange(len(new)))
    pd.testing.assert_frame_equal(OLD, before)
    pd.testing.assert_frame_equal(change.frame, sent)


def test_values_that_are_sent_empty_are_counted():
    change = update([("a", HOURS[0], None, None, "upsert"), ("a", HOURS[1], None, None, "upsert")], sent=("y", "c"))
    assert count_changes(OLD, change, spec=SPEC) == ChangeCounts(0, 2, 0, 0, emptied=3)
