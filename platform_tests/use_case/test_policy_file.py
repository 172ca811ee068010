"""A file that varies a use case's policies: what it says counts, all else stays; a wrong one is refused in one line."""

from pathlib import Path

import pytest

from loopcast.errors import CallerError, UseCaseError
from loopcast.use_case.policies import Policies
from loopcast.use_case.policy_file import read_policies

DECLARED = Policies.model_validate({"level": 80, "rebuild": {"rest": 3, "budget": {"builds": 2}}})


def write(folder: Path, text: str) -> Path:
    file = folder / "other.yaml"
    file.write_text(text)
    return file


def test_what_the_file_names_counts_and_all_else_stays_as_declared(tmp_path: Path) -> None:
    file = write(tmp_path, "retrain: never\nrebuild: {max_age: 14D, budget: {per: 7D}}\n")
    expected = {"level": 80, "retrain": "never"}
    expected["rebuild"] = {"rest": 3, "max_age": "14D", "budget": {"builds": 2, "per": "7D"}}
    assert read_policies(file, DECLARED) == Policies.model_validate(expected)
    assert read_policies(write(tmp_path, "{}"), DECLARED) == DECLARED


@pytest.mark.parametrize(
    ("text", "field", "found"),
    [
        ("retrain: sometimes", "retrain", "'sometimes'"),
        ("rebuild: {every: soon}", "rebuild.every", "'soon'"),
        ("rebuilds: {}", "rebuilds", "{}"),
        ("- retrain", "(whole file)", "['retrain']"),
        ("a: [", "(whole file)", "while parsing"),
        ("", "(whole file)", "None"),
    ],
)
def test_a_wrong_file_is_refused_with_its_field(tmp_path: Path, text: str, field: str, found: str) -> None:
    with pytest.raises(UseCaseError) as refused:
        read_policies(write(tmp_path, text), DECLARED)
    assert (refused.value.field, refused.value.found[: len(found)]) == (field, found)


def test_a_file_that_is_not_there_is_the_caller_s_mistake(tmp_path: Path) -> None:
    with pytest.raises(CallerError, match=r"found no file .*gone\.yaml"):
        read_policies(tmp_path / "gone.yaml", DECLARED)
