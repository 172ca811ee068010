"""What breaks whom: every row of the table, the version it needs, and that comparing is sound."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loopcast.dataops.contract.changes import (
    compare_contracts,
    explain_refusal,
    next_version,
    parse_version,
    required_bump,
)
from loopcast.dataops.contract.contract import Clause, Contract, ContractColumn

TIME = ContractColumn("at", "timestamp", required=True, meaning={"samplingPeriod": "h"})
LOAD = ContractColumn("load", "number", minimum=0, maximum=100, meaning={"unit": "MW"})
NOTE = ContractColumn("note", "category")
TIMELY = Clause("timeliness", "timeliness", "an update every 1D", maximum=30.0)
FULL = Clause("completeness", "completeness", "at least 98 %", minimum=98.0, target_pct=98.0)
OLD = Contract("site", "1.4.2", (TIME, LOAD, NOTE), "1D", "6h", (TIMELY, FULL), {"version": "1.4.2", "name": "a"})


def columns(*made: ContractColumn) -> Contract:
    return replace(OLD, columns=made)


TABLE = {
    "column note removed": (columns(TIME, LOAD), "breaking", "both"),
    "key site added": (columns(TIME, LOAD, NOTE, ContractColumn("site", "series_key")), "breaking", "both"),
    "column note: category became number": (columns(TIME, LOAD, replace(NOTE, kind="number")), "breaking", "both"),
    "column note: category became series_key": (
        columns(TIME, LOAD, replace(NOTE, kind="series_key")),
        "breaking",
        "both",
    ),
    "column load: unit MW became kW": (columns(TIME, replace(LOAD, meaning={"unit": "kW"}), NOTE), "breaking", "both"),
    "column load: unit MW became None": (columns(TIME, replace(LOAD, meaning={}), NOTE), "breaking", "both"),
    "column load: maximum 100 became 90": (columns(TIME, replace(LOAD, maximum=90), NOTE), "breaking", "provider"),
    "column load: minimum 0 became 1": (columns(TIME, replace(LOAD, minimum=1), NOTE), "breaking", "provider"),
    "column load required": (columns(TIME, replace(LOAD, required=True), NOTE), "breaking", "provider"),
    "frequency 1D became 2D": (replace(OLD, cadence="2D"), "breaking", "consumer"),
    "latency 6h became 8h": (replace(OLD, grace="8h"), "breaking", "consumer"),
    "column wind added": (columns(TIME, LOAD, NOTE, ContractColumn("wind", "number")), "additive", "-"),
    "column load: maximum 100 became 120": (columns(TIME, replace(LOAD, maximum=120), NOTE), "additive", "-"),
    "column load: minimum 0 became none": (columns(TIME, replace(LOAD, minimum=None), NOTE), "additive", "-"),
    "column at no longer required": (columns(replace(TIME, required=False), LOAD, NOTE), "additive", "-"),
    "column note: language None became en": (
        columns(TIME, LOAD, replace(NOTE, meaning={"language": "en"})),
        "editorial",
        "-",
    ),
    "frequency 1D became 12h": (replace(OLD, cadence="12h"), "additive", "-"),
    "latency 6h became 60min": (replace(OLD, grace="60min"), "additive", "-"),
    "clause completeness removed": (replace(OLD, clauses=(TIMELY,)), "additive", "-"),
    "clause completeness changed": (replace(OLD, clauses=(TIMELY, replace(FULL, minimum=90))), "additive", "-"),
    "clause rows added": (
        replace(OLD, clauses=(*OLD.clauses, Clause("rows", "rows", "")), version="9.0.0"),
        "additive",
        "-",
    ),
    "words changed": (replace(OLD, document={"version": "1.4.2", "name": "b"}), "editorial", "-"),
}


@pytest.mark.parametrize("what", TABLE)
def test_each_change_has_its_kind_and_says_whom_it_breaks(what: str) -> None:
    new, kind, side = TABLE[what]
    (change,) = compare_contracts(OLD, new)
    assert (change.what, change.kind, change.breaks) == (what, kind, side)
    assert change.reason


@pytest.mark.parametrize("what", TABLE)
def test_a_change_is_refused_until_its_version_is_raised_far_enough(what: str) -> None:
    new, kind, _ = TABLE[what]
    needed = {"breaking": "2.0.0", "additive": "1.5.0", "editorial": "1.4.2"}[kind]
    told = explain_refusal(OLD, replace(new, version="1.4.2"))
    assert told == (None if kind == "editorial" else f"{what}: {kind}, needs {needed}")
    assert explain_refusal(OLD, replace(new, version=needed)) is None


def test_the_worst_change_is_told_first_and_the_others_are_counted() -> None:
    new = replace(columns(TIME), version="1.5.0")
    assert explain_refusal(OLD, new) == "column load removed (and 1 more): breaking, needs 2.0.0"


def test_a_version_never_goes_back_and_the_same_contract_may_stay() -> None:
    assert explain_refusal(OLD, OLD) is None
    assert explain_refusal(OLD, replace(OLD, version="1.4.1")) == "1.4.2 is in force already: 1.4.2 or higher"
    assert explain_refusal(OLD, replace(OLD, version="10.0.0")) is None


BOUND = st.none() | st.integers(-3, 3).map(float)
COLUMN = st.builds(
    ContractColumn,
    name=st.sampled_from("abc"),
    kind=st.sampled_from(["number", "category", "series_key"]),
    required=st.booleans(),
    minimum=BOUND,
    maximum=BOUND,
)
CONTRACT = st.builds(
    lambda made, cadence: replace(OLD, columns=(TIME, *made), cadence=cadence),
    st.lists(COLUMN, max_size=3, unique_by=lambda column: column.name),
    st.sampled_from(["1h", "1D"]),
)


@given(CONTRACT, CONTRACT)
def test_there_are_changes_exactly_where_contracts_differ_and_the_needed_version_is_always_enough(
    old: Contract, new: Contract
) -> None:
    changes = compare_contracts(old, new)
    same = {column.name: column for column in old.columns} == {column.name: column for column in new.columns}
    assert (not changes) == (same and old.cadence == new.cadence)
    raised = next_version(old.version, required_bump(changes))
    assert explain_refusal(old, replace(new, version=raised)) is None
    assert parse_version(raised) >= parse_version(old.version)
