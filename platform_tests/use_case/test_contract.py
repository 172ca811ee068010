"""Contracts in the open standard: read beside the use case, joined with it, refused where they contradict it."""

import json
from importlib.resources import files
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from open_data_contract_standard.model import OpenDataContractStandard

from loopcast.dataops.contract.odcs import read_contract
from loopcast.errors import UseCaseError
from loopcast.use_case.contract import CONTRACT_FILE, contract_of, to_contract_yaml, to_odcs
from loopcast.use_case.loader import load_use_cases
from loopcast.use_case.model import UseCase
from made_use_case import PANEL_YAML, YAML

DEFS = YAML.format(name="counts").replace("  contract: {cadence: 1D, grace: 6h}\n", "").lstrip()
CONTRACT = """\
apiVersion: v3.1.0
kind: DataContract
id: counts-of-the-east
version: 1.2.0
status: active
schema:
  - name: counts
    properties:
      - name: at
        logicalType: timestamp
        primaryKey: true
      - name: count
        logicalType: number
        required: true
        logicalTypeOptions: {minimum: 0, maximum: 500}
        customProperties: [{property: unit, value: pieces}]
      - name: promotion
        logicalType: number
        quality:
          - {metric: missingValues, unit: percent, mustBeLessOrEqualTo: 5}
    quality:
      - {metric: rowCount, arguments: {per: update}, mustBeBetween: [1, 48], severity: error}
      - {metric: duplicateValues, mustBe: 0}
      - {type: text, description: Counted by hand.}
slaProperties:
  - {property: frequency, value: 1, unit: d, customProperties: [{property: target, value: 95}]}
  - {property: latency, value: 90, unit: min}
  - {property: completeness, value: 98, unit: percent}
  - {property: errorRate, value: 5, unit: percent}
  - {property: generalAvailability, value: 2024-01-01}
"""


def write(folder: Path, contract: str = CONTRACT, *, defs: str = DEFS) -> Path:
    place = folder / "counts"
    place.mkdir(parents=True, exist_ok=True)
    (place / "defs.yaml").write_text(defs)
    (place / CONTRACT_FILE).write_text(contract)
    return folder


def load(folder: Path, contract: str = CONTRACT, *, defs: str = DEFS) -> UseCase:
    return load_use_cases(write(folder, contract, defs=defs))["counts"]


def test_a_contract_becomes_bounds_required_columns_and_the_schedule(tmp_path: Path) -> None:
    use_case = load(tmp_path)
    count, promotion = use_case.table.variables
    assert (count.minimum, count.maximum, count.required) == (0.0, 500.0, True)
    assert (promotion.minimum, promotion.required, promotion.known_ahead) == (None, False, True)
    contract = use_case.contract
    assert (contract.version, contract.cadence, contract.grace) == ("1.2.0", "1D", "90min")


def test_what_the_use_case_alone_declares_of_a_column_is_promised_too(tmp_path: Path) -> None:
    contract = contract_of(load(tmp_path, CONTRACT.replace("{minimum: 0, maximum: 500}", "{maximum: 500}")))
    at, count, promotion = contract.columns
    assert (count.minimum, count.maximum, count.required) == (0.0, 500.0, True)
    assert at.meaning == {"samplingPeriod": "h", "timestampMarks": "start", "timeZone": "wall-clock"}
    assert promotion.meaning == {"knownAhead": True}


def test_every_promise_becomes_a_clause(tmp_path: Path) -> None:
    clauses = {clause.name: clause for clause in contract_of(load(tmp_path)).clauses}
    told = {name: (c.measure, c.minimum, c.maximum, c.unit, c.target_pct) for name, c in clauses.items()}
    assert told == {
        "timeliness": ("timeliness", None, 25.5, "hours", 95.0),
        "validity": ("validity", 95.0, None, "percent", 95.0),
        "completeness": ("completeness", 98.0, None, "percent", 98.0),
        "general_availability": ("unchecked", None, None, "", 99.0),
        "rows_per_update": ("rows_per_update", 1.0, 48.0, "rows", 99.0),
        "duplicate_values": ("by_construction", 0.0, 0.0, "", 99.0),
        "missing_promotion": ("missing_share", None, 5.0, "percent", 95.0),
    }
    assert [name for name, clause in clauses.items() if clause.is_error] == ["rows_per_update"]
    assert clauses["missing_promotion"].column == "promotion"
    assert clauses["rows_per_update"].promise == "1 to 48 rows in each update"


def test_the_use_case_with_its_contract_survives_its_way_through_json(tmp_path: Path) -> None:
    use_case = load(tmp_path)
    again = UseCase.model_validate_json(use_case.model_dump_json())
    assert again == use_case
    assert contract_of(again) == contract_of(use_case)
    assert again.table == use_case.table


@pytest.mark.parametrize("text", [YAML.format(name="counts"), PANEL_YAML])
def test_without_a_file_the_use_case_itself_is_the_contract_and_is_valid_in_the_standard(text: str) -> None:
    use_case = UseCase.model_validate(yaml.safe_load(text)["attributes"])
    document = to_odcs(use_case)
    jsonschema.validate(document, json.loads((files("open_data_contract_standard") / "schema.json").read_text()))
    again = yaml.safe_load(to_contract_yaml(document))
    assert OpenDataContractStandard.model_validate(again) == OpenDataContractStandard.model_validate(document)
    contract = read_contract(again)
    assert [column.name for column in contract.columns if column.is_key] == list(use_case.table.keys)
    assert (contract.cadence, contract.version) == ("1D", "1.0.0")


@pytest.mark.parametrize("text", [YAML.format(name="counts"), PANEL_YAML])
def test_the_contract_that_is_shown_can_be_put_beside_the_use_case_as_it_is(tmp_path: Path, text: str) -> None:
    (tmp_path / "defs.yaml").write_text(text)
    (before,) = load_use_cases(tmp_path).values()
    (tmp_path / CONTRACT_FILE).write_text(to_contract_yaml(to_odcs(before)))
    (after,) = load_use_cases(tmp_path).values()
    assert after.table == before.table
    assert contract_of(after).columns == contract_of(before).columns
    assert contract_of(after).clauses == contract_of(before).clauses


WRONG = {
    "an unknown column": ("name: promotion", "name: discount", "schema.0.properties.2.name", "discount", "promotion"),
    "another type": (
        "count\n        logicalType: number",
        "count\n        logicalType: string",
        "schema.0.properties.1.logicalType",
        "a category",
        "a number, as the use case declares it: logicalType: number",
    ),
    "a key that is none": (
        "        primaryKey: true\n      - name: count\n        logicalType: number",
        "      - name: count\n        logicalType: string\n        primaryKey: true",
        "schema.0.properties.1.logicalType",
        "a series_key",
        "a number",
    ),
    "a type of nothing": (
        "logicalType: timestamp",
        "logicalType: moment",
        "schema.0.properties.0.logicalType",
        "moment",
        "one of timestamp, date, number",
    ),
    "another bound": (
        "minimum: 0,",
        "minimum: 1,",
        "schema.0.properties.1.logicalTypeOptions.minimum",
        "1",
        "0, as the use case declares it",
    ),
    "bounds the wrong way round": (
        "minimum: 0, maximum: 500",
        "minimum: 0, maximum: -1",
        "schema.0.properties.1.logicalTypeOptions",
        "0 to -1",
        "minimum below the maximum",
    ),
    "another unit": (
        "value: pieces",
        "value: dozens",
        "schema.0.properties.1.customProperties",
        "unit dozens",
        "pieces, as defs.yaml says",
    ),
    "another meaning": (
        "primaryKey: true",
        "primaryKey: true\n        customProperties: [{property: timeZone, value: Europe/Oslo}]",
        "schema.0.properties.0.customProperties",
        "timeZone Europe/Oslo",
        "wall-clock, as defs.yaml says",
    ),
    "a column twice": ("name: promotion", "name: count", "schema.0.properties.2.name", "count", "each column once"),
    "another use case": ("- name: counts", "- name: shops", "schema.0.name", "shops", "the use case's name: counts"),
    "a version that is none": ("version: 1.2.0", "version: two", "version", "two", "such as 1.0.0"),
    "a standard from elsewhere": ("v3.1.0", "v9", "apiVersion", "v9", "v3.1.0"),
    "another kind of document": ("DataContract", "DataProduct", "kind", "DataProduct", "DataContract"),
    "no frequency": ("property: frequency", "property: often", "slaProperties", "no frequency", "how often"),
    "a unit of nothing": ("unit: min", "unit: moons", "slaProperties.1.unit", "moons", "d, h, min or w"),
    "a latency in words": ("value: 90, unit: min", "value: soon, unit: h", "slaProperties.1.value", "soon", "a number"),
    "a latency of seconds": ("value: 90,", "value: 0.5,", "slaProperties.1.value", "0.5", "one minute"),
    "more than the whole": ("value: 98", "value: 980", "slaProperties.2.value", "980", "from 0 to 100"),
    "a target of nothing": ("value: 95", "value: 0", "slaProperties.0.customProperties", "target 0", "above 0"),
    "a typing error": ("required: true", "requried: true", "schema.0.properties.1.requried", "a field", "ODCS v3.1"),
    "a field of no standard": ("status: active", "state: active", "state", "active", "not permitted (ODCS v3.1)"),
    "a list that is none": ("[1, 48]", "[1]", "schema.0.quality.0.mustBeBetween", "[1]", "at least 2 items"),
    "two tables": ("  - name: counts", "  - name: other\n  - name: counts", "schema", "2 objects", "one object"),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_is_wrong_is_refused_with_file_line_field_found_and_expected(tmp_path: Path, case: str) -> None:
    old, new, field, found, expected = WRONG[case]
    assert old in CONTRACT
    text = CONTRACT.replace(old, new, 1)
    with pytest.raises(UseCaseError) as refused:
        load(tmp_path, text)
    error = refused.value
    assert (error.file, error.field) == (str(tmp_path / "counts" / CONTRACT_FILE), field)
    assert found in error.found
    assert expected in error.expected
    named = [part for part in field.split(".") if not part.isdigit()]
    lines = text.splitlines()[: error.line]
    assert lines[-1].strip().startswith(("-", "{")) or any(f"{part}:" in lines[-1] for part in named)


def test_a_column_that_is_not_promised_is_refused(tmp_path: Path) -> None:
    start, end = CONTRACT.index("      - name: promotion"), CONTRACT.index("    quality:\n      - {metric: rowC")
    with pytest.raises(UseCaseError, match="found nothing of promotion; expected every column"):
        load(tmp_path, CONTRACT[:start] + CONTRACT[end:])


def test_a_schedule_in_defs_that_differs_is_refused_and_the_same_one_is_not(tmp_path: Path) -> None:
    inline = DEFS + "  contract: {version: 1.2.0, cadence: 24h}\n"
    assert load(tmp_path / "same", defs=inline).contract.cadence == "1D"
    with pytest.raises(UseCaseError, match=r"found cadence 1D; expected 2D, as `contract` in defs.yaml says"):
        load(tmp_path / "other", defs=inline.replace("24h", "2D"))


def test_a_whole_contract_inside_defs_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UseCaseError, match=r"expected the contract in contract.yaml beside the file"):
        load(tmp_path, defs=DEFS + "  contract: {odcs: {kind: DataContract}}\n")


def test_several_use_cases_of_one_file_have_their_contracts_in_one_file(tmp_path: Path) -> None:
    shops = yaml.safe_load(PANEL_YAML)["attributes"]
    second = to_contract_yaml(to_odcs(UseCase.model_validate(shops))).replace("version: 1.0.0", "version: 3.0.0")
    write(tmp_path, f"{CONTRACT}---\n{second}", defs=f"{DEFS}---\n{PANEL_YAML}")
    found = load_use_cases(tmp_path)
    assert {name: use_case.contract.version for name, use_case in found.items()} == {
        "counts": "1.2.0",
        "shops": "3.0.0",
    }
    write(tmp_path, f"{CONTRACT}---\n{CONTRACT}")
    with pytest.raises(UseCaseError, match="found counts again; expected one contract for each use case"):
        load_use_cases(tmp_path)


def test_nothing_in_the_contract_s_file_is_told_by_its_line(tmp_path: Path) -> None:
    with pytest.raises(UseCaseError, match=r"contract.yaml:1: .*expected"):
        load(tmp_path, "[]\n")
    with pytest.raises(UseCaseError, match=r"contract.yaml:1: \(the file\)"):
        load(tmp_path, "{")


def test_what_is_promised_beside_type_and_bounds_is_listed_as_unchecked(tmp_path: Path) -> None:
    options = "{minimum: 0, maximum: 500, multipleOf: 5}"
    text = CONTRACT.replace(
        "{minimum: 0, maximum: 500}", f"{options}\n        unique: true\n        enum: [{{value: 5}}]"
    )
    text = text.replace("primaryKey: true", "primaryKey: true\n        unique: true")
    found = [clause for clause in contract_of(load(tmp_path, text)).clauses if clause.measure == "unchecked"]
    assert [clause.name for clause in found] == [
        "general_availability",
        "count_multiple_of",
        "count_enum",
        "count_unique",
    ]


def strict(document: dict[str, Any], **rule: Any) -> tuple[float | None, float | None, str]:
    made = {**document, "schema": [{**document["schema"][0], "quality": [{"metric": "rowCount", **rule}]}]}
    clauses = [
        clause for clause in read_contract(made).clauses if clause.measure == "rows" or "rowCount" in clause.promise
    ]
    return clauses[0].minimum, clauses[0].maximum, clauses[0].measure


def test_strict_and_loose_bounds_are_told_apart(tmp_path: Path) -> None:
    document = to_odcs(load(tmp_path))
    low, _, measure = strict(document, mustBeGreaterThan=5)
    assert (low is not None and 5 < low < 5.001, measure) == (True, "rows")
    assert strict(document, mustBe=7)[:2] == (7.0, 7.0)
    assert strict(document, mustBeGreaterOrEqualTo=5)[:2] == (5, None)
    assert strict(document, mustNotBe=5) == (None, None, "unchecked")
    with pytest.raises(UseCaseError, match="the smaller number first"):
        strict(document, mustBeBetween=[2, 1])
