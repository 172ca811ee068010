"""What may stand under `policies: preprocessing:`, and how a wrong one is told."""

import pytest
import yaml
from pydantic import ValidationError

from loopcast.dataops.preprocessing import Imputation
from loopcast.use_case.model import UseCase
from made_use_case import PANEL_YAML

WHOLE = """
imputation: {method: linear, max_gap: 3, variables: {open_hours: {method: locf, max_gap: 9}}}
time_scale: {frequency: W-MON, aggregation: {default: sum, open_hours: mean}}
rows: {last: 200, from: 2024-01-08}
columns: [open_hours]
filter: {region: [north]}
"""


def load(preprocessing: str, text: str = PANEL_YAML) -> UseCase:
    attributes = yaml.safe_load(text)["attributes"]
    return UseCase.model_validate({**attributes, "policies": {"preprocessing": yaml.safe_load(preprocessing)}})


def test_all_of_it_becomes_what_the_zoo_is_asked_for():
    made = load(WHOLE).zoo.preprocessing.to_document()
    assert made == {
        "imputation": {"method": "linear", "max_gap": 3, "variables": {"open_hours": {"method": "locf", "max_gap": 9}}},
        "time_scale": {"frequency": "W-MON", "aggregation": {"default": "sum", "open_hours": "mean"}},
        "rows": {"first": None, "last": 200, "from": "2024-01-08", "to": None},
        "columns": ["open_hours"],
        "filter": {"region": ["north"]},
    }


def test_without_any_short_gaps_are_filled_and_the_data_choose_the_members():
    assert load("{}").zoo.preprocessing.imputation == Imputation("linear", max_gap=6)
    assert load("{}").zoo.members == ()


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ("{imputation: {variables: {wind: {method: linear}}}}", "imputation of .*, not of wind"),
        ("{columns: [sales]}", "columns of .*, not of sales"),
        ("{filter: {open_hours: ['1']}}", "filter of .*, not of open_hours"),
        ("{time_scale: {frequency: D, aggregation: {wind: sum}}}", "aggregation of .*, not of wind"),
        ("{time_scale: {frequency: h}}", "coarser"),
        ("{time_scale: {frequency: never}}", "a time scale such as"),
        ("{imputation: {method: cubic}}", "'linear', 'locf' or 'none'"),
        ("{imputation: {max_gap: 0}}", "greater than or equal to 1"),
    ],
)
def test_what_the_table_does_not_have_is_refused(wrong, said):
    with pytest.raises(ValidationError, match=said):
        load(wrong)
