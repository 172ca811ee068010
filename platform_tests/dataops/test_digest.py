import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loopcast.dataops.digest import EMPTY_DIGEST, advance, frame_digest, state_digest
from loopcast.dataops.table import TableSpec, Variable

SPEC = TableSpec("t", "h", "y", (Variable("y"), Variable("z"), Variable("c", "category")), series_keys=("k", "m"))


def example():
    frame = pd.DataFrame(
        {
            "k": ["a", "a", "b", "b"],
            "m": ["1", "2", "1", "2"],
            "t": pd.date_range("2020", periods=4, freq="h"),
            "y": [1.0, 0.0, np.nan, 4.0],
            "z": [np.nan, 2.0, 2.0, 1.0],
            "c": ["u", None, "u", "v"],
        }
    )
    return frame.astype({"t": "datetime64[us]", "k": "str", "m": "str", "c": "str"})


def test_the_digest_of_known_content_never_changes():
    assert state_digest(example(), SPEC) == KNOWN_STATE
    assert frame_digest(example()) == KNOWN_FRAME


def test_no_rows_have_the_digest_zero():
    assert state_digest(example().iloc[:0], SPEC) == EMPTY_DIGEST


@settings(deadline=None)
@given(st.permutations(range(4)), st.permutations(list("kmtyzc")))
def test_the_order_of_rows_and_columns_does_not_count(rows, columns):
    assert state_digest(example().iloc[rows][columns], SPEC) == state_digest(example(), SPEC)


def test_dtypes_and_the_sign_of_zero_do_not_count():
    frame = example().assign(y=[1.0, -0.0, np.nan, 4.0], k=example()["k"].astype("category"))
    frame = frame.assign(t=frame["t"].astype("datetime64[ns]"), c=frame["c"].astype(object))
    assert state_digest(frame, SPEC) == state_digest(example(), SPEC)
    whole = example().assign(y=[1, 0, 3, 4])
    assert state_digest(whole, SPEC) == state_digest(whole.astype({"y": "float64"}), SPEC)


def test_a_column_that_was_never_sent_is_one_that_is_missing_throughout():
    frame = example()
    assert state_digest(frame.assign(z=np.nan), SPEC) == state_digest(frame.drop(columns="z"), SPEC)


@pytest.mark.parametrize(
    "change",
    [
        lambda frame: frame.assign(y=[1.0, 0.0, np.nan, np.nextafter(4.0, 5)]),
        lambda frame: frame.assign(y=[0.0, 1.0, np.nan, 4.0]),
        lambda frame: frame.assign(y=frame["z"], z=frame["y"]),
        lambda frame: frame.assign(k=frame["m"], m=frame["k"]),
        lambda frame: frame.assign(c=["u", "", "u", "v"]),
        lambda frame: frame.assign(t=frame["t"] + pd.Timedelta(1, "us")),
        lambda frame: frame.iloc[:3],
        lambda frame: pd.concat([frame, frame.iloc[:1]]),
        lambda frame: pd.concat([frame, frame.iloc[:1].assign(k="z", y=np.nan, z=np.nan, c=None)]),
    ],
)
def test_every_difference_in_content_counts(change):
    assert state_digest(change(example()), SPEC) != state_digest(example(), SPEC)


@settings(deadline=None)
@given(st.sets(st.integers(0, 3)), st.lists(st.sampled_from([1.0, 2.0, np.nan]), min_size=4, max_size=4))
def test_advancing_over_the_touched_rows_gives_the_digest_of_the_whole(touched, values):
    old, rows = example(), sorted(touched)
    new = old.assign(y=[values[at] if at in touched else value for at, value in enumerate(old["y"])])
    moved = advance(state_digest(old, SPEC), old.iloc[rows], new.iloc[rows], SPEC)
    assert moved == state_digest(new, SPEC)
    assert advance(moved, new.iloc[rows], old.iloc[rows], SPEC) == state_digest(old, SPEC)


def test_all_lanes_of_the_digest_differ_and_follow_every_change():
    one, two = state_digest(example(), SPEC), state_digest(example().assign(z=7.0), SPEC)
    assert len({one[at : at + 16] for at in range(0, 64, 16)}) == 4
    assert all(one[at : at + 16] != two[at : at + 16] for at in range(0, 64, 16))


def test_an_output_tables_digest_counts_rows_in_their_order_but_not_columns():
    frame = example()
    assert frame_digest(frame[list("zyxtmkc".replace("x", ""))]) == frame_digest(frame)
    assert frame_digest(frame.iloc[::-1]) != frame_digest(frame)
    assert frame_digest(frame.set_axis([9, 8, 7, 6])) == frame_digest(frame)


@pytest.mark.parametrize(
    "change",
    [
        lambda frame: frame.assign(y=[1.0, -0.0, np.nan, 4.0]),
        lambda frame: frame.assign(c=["u", "", "u", "v"]),
        lambda frame: frame.assign(c=["uu", None, "", "v"]),
        lambda frame: frame.rename(columns={"y": "w"}),
        lambda frame: frame.drop(columns="z"),
    ],
)
def test_every_bit_of_an_output_table_counts(change):
    assert frame_digest(change(example())) != frame_digest(example())


def test_the_library_that_holds_an_output_table_does_not_count():
    frame = example()
    other = frame.assign(c=frame["c"].astype(object), t=frame["t"].astype("datetime64[ns]"))
    assert frame_digest(other) == frame_digest(frame)


KNOWN_STATE = "64dc1400f38b7690155942e72169e341f4b2679264459a6cc8e371d615659a8a"
KNOWN_FRAME = "f78a3e28104b4dfa7beadfcf60eaa63491f164ad5524132739ab8ca6ed1d0c77"
