"""Every bad file is refused by name through the real store, and nothing else happens."""

from dataclasses import replace

import pytest

from bad_input_stores import GOOD, LATER, Stores, count_refusals
from bad_inputs import SPECS, list_bad_inputs

CASES = list_bad_inputs()


@pytest.fixture(scope="module")
def stores(tmp_path_factory):
    return Stores(str(tmp_path_factory.mktemp("lake")))


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_a_bad_file_is_refused_by_its_rule_with_row_and_column(stores, case):
    verdict = stores.judge(case)
    refusal = stores.store(case.use_case).versions.refusal(verdict.record.version)
    told = [(item.rule, item.row, item.column) for item in refusal.violations]
    assert verdict.is_named, told[:5]
    assert verdict.is_unchanged
    assert all(len(str(item)) < 2_000 for item in refusal.violations[:20])
    assert case.file in refusal.summary()
    assert refusal.to_dict()["total"] >= len(told) > 0


def test_after_all_of_them_the_data_are_as_they_were_and_a_good_file_is_taken(stores):
    for name in SPECS:
        versions = stores.store(name).versions
        assert len(versions.read(versions.newest().version)) == len(GOOD.splitlines()) - 1
        record = stores.send(name, "later.csv", LATER.encode())
        assert (record.status, record.added, record.rows) == ("accepted", 1, 3)


def test_there_are_enough_of_them_and_each_is_one_of_its_own():
    assert len(CASES) >= 70
    assert len({case.name for case in CASES}) == len(CASES)
    assert len({(case.file, case.content) for case in CASES}) == len(CASES)


def test_the_count_would_tell_of_a_file_that_is_taken(tmp_path):
    good = replace(CASES[0], content=GOOD.encode())
    told = count_refusals(str(tmp_path), [*CASES[:3], good])
    assert told == "refused with a named reason 3 / 4, stack traces 0, state changes 1"
