"""The oracle: a plain dict of cells, changed update by update, against every version that the store reads back."""

import math

import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from loopcast.dataops.digest import state_digest
from loopcast.dataops.table import TableSpec, Variable
from loopcast.store.lake import LocalLake, ObjectLake
from loopcast.store.store import Store
from store_examples import NOW, store_over, upload

PANEL = TableSpec("t", "h", "y", (Variable("y"), Variable("odd \"name'"), Variable("c", "category")), ("k", "m"))
SINGLE = TableSpec("t", "h", "y", (Variable("y"), Variable("c", "category")))
HOURS = [f"2020-01-01 {hour:02d}:00" for hour in range(3)]
VALUES = {"number": ["", "1", "2.5"], "category": ["", "u", "v'w"]}


@st.composite
def updates(draw, spec):
    """Return columns sent and rows: key -> (operation, values)."""
    sent = draw(st.lists(st.sampled_from(spec.variable_names), unique=True))
    key = st.tuples(*[st.sampled_from(["a", "b'"]) for _ in spec.series_keys], st.sampled_from(HOURS))
    cells = st.tuples(*[st.sampled_from(VALUES[spec.variable(name).kind]) for name in sent])
    row = st.tuples(st.sampled_from(["upsert", "upsert", "upsert", "remove"]), cells)
    return tuple(sent), draw(st.dictionaries(key, row, min_size=1, max_size=6))


def to_csv(spec, sent, rows):
    lines = [[*key, *cells, operation] for key, (operation, cells) in rows.items()]
    frame = pd.DataFrame(lines, columns=[*spec.keys, *sent, "_operation"])
    return frame.to_csv(index=False)


def advance_oracle(state, spec, sent, rows):
    new = {key: dict(cells) for key, cells in state.items()}
    for key, (operation, cells) in rows.items():
        if operation == "remove":
            new.pop(key, None)
        else:
            new.setdefault(key, dict.fromkeys(spec.variable_names, "")).update(zip(sent, cells, strict=True))
    return new


def to_cells(frame, spec):
    def text(value):
        if isinstance(value, float):
            return "" if math.isnan(value) else f"{value:g}"
        return value

    return {
        (*row[: len(spec.series_keys)], f"{row[len(spec.series_keys)]:%Y-%m-%d %H:%M}"): {
            name: text(value) for name, value in zip(spec.variable_names, row[len(spec.keys) :], strict=True)
        }
        for row in frame.itertuples(index=False, name=None)
    }


def check_history(lake, spec, history):
    store = Store.over(lake, use_case="demo", spec=spec, code_version="test")
    states = [{}]
    for at, (sent, rows) in enumerate(history):
        claim = store.versions.claim(upload(to_csv(spec, sent, rows), key=str(at)), now=NOW)
        record = store.versions.settle(claim.version, now=NOW)
        assert record.status == "accepted", store.versions.refusal(claim.version).summary()
        states.append(advance_oracle(states[-1], spec, sent, rows))
        before, after = states[-2:]
        assert record.added == len(after.keys() - before.keys())
        assert record.removed == len(before.keys() - after.keys())
        assert record.corrected == sum(after[key] != before[key] for key in after.keys() & before.keys())
        assert record.added + record.removed + record.corrected + record.unchanged == len(rows)
    fresh = Store.over(lake, use_case="demo", spec=spec, code_version="test").versions
    for version, state in zip(fresh.claims(), states[1:], strict=True):
        frame, record = fresh.read(version), fresh.record(version)
        assert to_cells(frame, spec) == state
        assert frame.equals(frame.sort_values(list(spec.keys), ignore_index=True))
        assert record.state_digest == state_digest(frame, spec)
        check_extent(record, frame, spec)
        check_part(fresh, version, frame, spec)


def check_extent(record, frame, spec):
    series = len(frame[list(spec.series_keys)].drop_duplicates()) if spec.series_keys else int(len(frame) > 0)
    assert (record.rows, record.series) == (len(frame), series)
    if len(frame):
        assert (record.first_timestamp, record.last_timestamp) == (
            frame[spec.timestamp].min(),
            frame[spec.timestamp].max(),
        )
    else:
        assert (record.first_timestamp, record.last_timestamp) == (None, None)


def check_part(versions, version, frame, spec):
    middle = pd.Timestamp(HOURS[1])
    wanted = frame[frame[spec.timestamp] >= middle]
    series = None
    if spec.series_keys:
        series = [dict.fromkeys(spec.series_keys, "a")]
        wanted = wanted[(wanted[list(spec.series_keys)] == "a").all(axis=1)]
    part = versions.read(version, columns=["c"], series=series, start=middle)
    expected = wanted[[*spec.keys, "c"]].reset_index(drop=True)
    pd.testing.assert_frame_equal(part, expected)


@settings(max_examples=40, deadline=None)
@given(st.lists(updates(PANEL), min_size=1, max_size=6))
def test_every_version_of_a_panel_reads_back_as_the_oracle_has_it(history):
    check_history(ObjectLake.in_memory(), PANEL, history)


@settings(max_examples=20, deadline=None)
@given(st.lists(updates(SINGLE), min_size=1, max_size=6))
def test_every_version_of_a_single_series_reads_back_as_the_oracle_has_it(history):
    check_history(ObjectLake.in_memory(), SINGLE, history)


@settings(max_examples=10, deadline=None)
@given(st.lists(updates(PANEL), min_size=1, max_size=6))
def test_files_scanned_by_their_path_read_back_the_same(tmp_path_factory, history):
    check_history(LocalLake(tmp_path_factory.mktemp("it's a lake")), PANEL, history)


def test_the_same_patch_at_two_versions_counts_at_both():
    store = store_over(ObjectLake.in_memory())
    one, other = "k,t,y\na,2020-01-01 00:00,1\n", "k,t,y\na,2020-01-01 00:00,2\n"
    for at, text in enumerate((one, other, one, other)):
        claim = store.versions.claim(upload(text, key=str(at)), now=NOW)
        store.versions.settle(claim.version, now=NOW)
    values = [store.versions.read(version)["y"].tolist() for version in store.versions.claims()]
    assert values == [[1.0], [2.0], [1.0], [2.0]]
