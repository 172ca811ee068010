"""Use cases as YAML: what is right loads, what is wrong is refused with file, line, field, found and expected."""

from pathlib import Path

import pytest
import yaml
from pydantic import BaseModel, ValidationError

from loopcast.dataops.table import FileFormat
from loopcast.errors import CallerError, UseCaseError
from loopcast.use_case.loader import COMPONENT, load_use_cases, read_use_cases
from loopcast.use_case.model import Frozen, UseCase
from made_use_case import PANEL_YAML, PLAIN_YAML, ROOT

GOOD = PLAIN_YAML.format(name="counts").lstrip()
DEMO = ROOT / "platform" / "use_cases"


def write(folder: Path, text: str, *, name: str = "counts") -> Path:
    file = folder / name / "defs.yaml"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, "utf-8")
    return file


def refuse(folder: Path, text: str) -> UseCaseError:
    write(folder, text)
    with pytest.raises(UseCaseError) as refused:
        load_use_cases(folder)
    return refused.value


WRONG = {
    "a required field is not there": ("  frequency: h\n", "", "attributes.frequency", "nothing", "required"),
    "an unknown field": ("  steward:", "  stewart: x\n  steward:", "attributes.stewart", "'x'", "known fields: name"),
    "an unknown field deeper down": ("grace: 6h", "grace: 6h, late: 1h", "attributes.contract.late", "1h", "no such"),
    "a name with a space": ("name: counts", "name: my counts", "attributes.name", "my counts", "pattern"),
    "an empty description": ("Counts made for tests.", "''", "attributes.description", "''", "at least 1"),
    "a frequency nobody knows": (
        "frequency: h",
        "frequency: hourly",
        "attributes.frequency",
        "hourly",
        "15min",
    ),
    "a frequency that stands still": ("frequency: h", "frequency: 0h", "attributes.frequency", "0h", "15min"),
    "a frequency that goes back": ("frequency: h", "frequency: -1h", "attributes.frequency", "-1h", "15min"),
    "a horizon of nothing": ("horizon: 1D", "horizon: 0", "attributes.horizon", "0", "24"),
    "a horizon in an unknown unit": ("horizon: 1D", "horizon: 1Y", "attributes.horizon", "1Y", "1D, 1W, 1M"),
    "a time zone that is none": (
        "timestamp: at",
        "timestamp: at\n  time_zone: Oslo",
        "attributes.time_zone",
        "Oslo",
        "IANA",
    ),
    "an encoding that is none": (
        "timestamp: at",
        "timestamp: at\n  format: {encoding: ansi-ish}",
        "attributes.format.encoding",
        "ansi-ish",
        "cp1252",
    ),
    "an encoding that is not of text": (
        "timestamp: at",
        "timestamp: at\n  format: {encoding: base64}",
        "attributes.format.encoding",
        "base64",
        "cp1252",
    ),
    "a form of times that is none": (
        "timestamp: at",
        "timestamp: at\n  format: {timestamp_format: dd.mm.yyyy}",
        "attributes.format.timestamp_format",
        "dd.mm.yyyy",
        "strptime",
    ),
    "the same mark twice": (
        "timestamp: at",
        "timestamp: at\n  format: {decimal: '.', thousands: '.'}",
        "attributes.format",
        "'.'",
        "thousands",
    ),
    "a mark that is none": (
        "timestamp: at",
        "timestamp: at\n  timestamp_marks: middle",
        "attributes.timestamp_marks",
        "middle",
        "'start' or 'end'",
    ),
    "an owner without a domain": ("ana@example.org", "ana@here", "attributes.owners.0", "ana@here", "team:<name>"),
    "a team without a name": ("ana@example.org", '"team:"', "attributes.owners.0", "team:", "team:<name>"),
    "no owner": ("[ana@example.org]", "[]", "attributes.owners", "[]", "at least 1"),
    "a cadence that is no duration": ("cadence: 1D", "cadence: daily", "attributes.contract.cadence", "daily", "6h"),
    "a cadence that is no time": ("cadence: 1D", "cadence: NaT", "attributes.contract.cadence", "NaT", "one minute"),
    "a cadence of seconds": ("cadence: 1D", "cadence: 5s", "attributes.contract.cadence", "5s", "one minute"),
    "a version that is none": (
        "{cadence",
        "{version: one, cadence",
        "attributes.contract.version",
        "one",
        "d+",
    ),
    "a level above the whole": ("level: 80", "level: 100", "attributes.policies.level", "100", "less than 100"),
    "too few windows": ("n_windows: 7", "n_windows: 1", "attributes.policies.n_windows", "1", "greater than or equal"),
    "a minimum that is text": ("minimum: 0", "minimum: low", "attributes.target.minimum", "low", "a valid number"),
    "a minimum above the maximum": ("minimum: 0", "minimum: 9, maximum: 3", "attributes.target", "9", "minimum below"),
    "a kind of variable that is none": (
        "{name: promotion",
        "{kind: text, name: promotion",
        "attributes.predictors.0.kind",
        "text",
        "'number' or 'category'",
    ),
    "two columns of one name": ("name: promotion", "name: count", "attributes", "count", "count is there twice"),
    "a column without a name": ("timestamp: at", "timestamp: ''", "attributes.timestamp", "''", "at least 1"),
    "the column that updates use": ("name: promotion", "name: _operation", "attributes", "_op", "upsert or remove"),
    "a series key that forecasts have too": (
        "timestamp: at",
        "timestamp: at\n  series_keys: [bin]",
        "attributes",
        "bin",
        "series keys other than bin",
    ),
    "a member nobody knows": (
        "level: 80",
        "level: 80, members: [{name: oracle}]",
        "attributes.policies.members.0",
        "oracle",
        "linear",
    ),
    "a member with a parameter it does not take": (
        "level: 80",
        "level: 80, members: [{name: linear, parameters: {depth: 3}}]",
        "attributes.policies.members.0",
        "depth",
        "half_life_origins",
    ),
    "two members of one name": (
        "level: 80",
        "level: 80, members: [{name: linear}, {name: linear}]",
        "attributes.policies",
        "linear",
        "a label",
    ),
    "holidays of nowhere": ("level: 80", "level: 80, holidays: XX", "attributes.policies.holidays", "XX", "US-MN"),
    "a schedule beyond the budget": (
        "level: 80",
        "level: 80, rebuild: {when: schedule, every: 1D}",
        "attributes.policies.rebuild",
        "1D",
        "a budget of 28 builds per 28D or more",
    ),
    "hours that are none": (
        "level: 80",
        'level: 80, rebuild: {budget: {hours: "22:00-25:00"}}',
        "attributes.policies.rebuild.budget.hours",
        "25:00",
        "22:00-06:00",
    ),
    "a tag with a space": ("  steward:", "  tags: {a: b c}\n  steward:", "attributes.tags", "b c", "not a: b c"),
    "a kind of source that is none": (
        "  steward:",
        "  source: {kind: ftp}\n  steward:",
        "attributes.source.kind",
        "ftp",
        "'inbox'",
    ),
    "a replay without an end": (
        "  steward:",
        "  replay: {history: a.csv, start: 2024-01-01}\n  steward:",
        "attributes.replay.end",
        "nothing",
        "required",
    ),
    "a field twice": (
        "  steward:",
        "  horizon: 3\n  steward:",
        "attributes.horizon",
        "second time",
        "each field once",
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_is_wrong_is_refused_with_file_line_field_found_and_expected(tmp_path: Path, case: str) -> None:
    old, new, field, found, expected = WRONG[case]
    assert old in GOOD
    text = GOOD.replace(old, new, 1)
    error = refuse(tmp_path, text)
    assert error.file == str(tmp_path / "counts" / "defs.yaml")
    assert error.field == field
    assert found in error.found
    assert expected in error.expected
    assert str(error).startswith(f"{error.file}:{error.line}: {field}: found ")
    assert "\n" not in str(error)
    named = [part for part in field.split(".") if not part.isdigit()][-1]
    there = named if f"{named}:" in text else named if named == "attributes" else field.split(".")[-2]
    assert there in text.splitlines()[(error.line or 0) - 1]


@pytest.mark.parametrize(
    ("text", "line", "found"),
    [
        (GOOD.replace("name: counts", "name: [counts"), 4, "expected ',' or ']'"),
        (GOOD.replace("  name: counts", "\tname: counts"), 3, "cannot start any token"),
        (GOOD.replace("name: counts", "name: !secret counts"), 3, "!secret"),
        (GOOD + "  replay: {history: a.csv, start: 2024-13-01, end: 2025-01-01}\n", 1, "month must be in 1..12"),
        (GOOD + "  ? {a: b}\n  : c\n", 14, "unhashable key"),
    ],
)
def test_what_is_not_yaml_is_refused_with_its_line(tmp_path: Path, text: str, line: int, found: str) -> None:
    error = refuse(tmp_path, text)
    assert error.line == line
    assert found in error.found


def test_bytes_that_are_no_text_are_refused(tmp_path: Path) -> None:
    file = write(tmp_path, "")
    file.write_bytes(b"type: \xff\xfe")
    with pytest.raises(UseCaseError, match="expected valid YAML in UTF-8"):
        load_use_cases(tmp_path)


def test_attributes_that_are_a_list_or_nothing_are_refused(tmp_path: Path) -> None:
    assert refuse(tmp_path, f"type: {COMPONENT}\nattributes: [1]\n").line == 2
    assert refuse(tmp_path, f"type: {COMPONENT}\n").field == "attributes.name"


def test_a_message_is_bounded_whatever_is_found(tmp_path: Path) -> None:
    error = refuse(tmp_path, GOOD.replace("frequency: h", f"frequency: {'x' * 5000}"))
    assert len(str(error)) < 600


def test_two_use_cases_of_one_name_are_refused(tmp_path: Path) -> None:
    write(tmp_path, GOOD, name="first")
    second = write(tmp_path, "# the same again\n" + GOOD, name="second")
    with pytest.raises(UseCaseError, match="a name that no other use case has") as refused:
        load_use_cases(tmp_path)
    assert (refused.value.file, refused.value.line, refused.value.found) == (str(second), 2, "counts")


def test_documents_of_other_types_are_left_alone_even_with_tags_of_their_own(tmp_path: Path) -> None:
    other = "type: dagster.TemplatedSqlComponent\nattributes: {query: !env SQL}\n"
    file = write(tmp_path, f"{other}---\n{GOOD}---\n{PANEL_YAML}---\n- a list\n---\n")
    assert list(load_use_cases(tmp_path)) == ["counts", "shops"]
    assert [line for _, line in read_use_cases(file)] == [4, 19]


def test_an_empty_folder_has_no_use_cases(tmp_path: Path) -> None:
    assert load_use_cases(tmp_path) == {}


def test_a_folder_that_is_not_there_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(CallerError, match=r"found no folder .*nowhere; make it, or set LOOPCAST_USE_CASES"):
        load_use_cases(tmp_path / "nowhere")


def test_the_demo_loads_and_its_replay_names_files_that_are_there() -> None:
    demo = load_use_cases(DEMO)["interstate_traffic"]
    assert demo.table.target == "traffic_volume"
    assert demo.table.variable("weather_main").kind == "category"
    assert demo.zoo.horizon.unit == "D"
    assert demo.replay is not None
    assert (DEMO / demo.name / demo.replay.history).is_file()
    assert (DEMO / demo.name / str(demo.replay.revisions)).is_file()


def test_a_use_case_says_what_its_table_and_zoo_are(tmp_path: Path) -> None:
    write(tmp_path, PANEL_YAML)
    shops = load_use_cases(tmp_path)["shops"]
    assert shops.table.keys == ("region", "shop", "day")
    assert [variable.name for variable in shops.table.predictors] == ["open_hours"]
    assert shops.table.predictors[0].known_ahead
    assert str(shops.zoo.horizon) == "7"
    assert (shops.zoo.level, shops.zoo.n_windows) == (80.0, 8)


def test_chosen_members_stand_beside_the_seasonal_naives_which_always_take_part() -> None:
    attributes = yaml.safe_load(GOOD)["attributes"]
    chosen = {**attributes, "policies": {"members": [{"name": "linear", "label": "mine"}, {"name": "seasonal_naive"}]}}
    names = [(member.name, member.label) for member in UseCase.model_validate(chosen).zoo.members]
    assert names == [("seasonal_naive", None), ("seasonal_naive", None), ("linear", "mine")]
    assert UseCase.model_validate(attributes).zoo.members == ()  # the data choose


def every_model(root: type[BaseModel]) -> list[type[BaseModel]]:
    return [model for child in root.__subclasses__() for model in (child, *every_model(child))]


def test_models_are_frozen(tmp_path: Path) -> None:
    write(tmp_path, GOOD)
    use_case = load_use_cases(tmp_path)["counts"]
    with pytest.raises(ValidationError, match="frozen"):
        use_case.name = "other"
    with pytest.raises(ValidationError, match="frozen"):
        use_case.policies.rebuild.window = 1
    assert all(
        model.model_config["frozen"] and model.model_config["extra"] == "forbid" for model in every_model(Frozen)
    )


def test_every_field_has_a_description() -> None:
    fields = [(m.__name__, name, field) for m in every_model(Frozen) for name, field in m.model_fields.items()]
    assert len(fields) > 40
    assert [(model, name) for model, name, field in fields if not field.description] == []


def test_a_use_case_survives_its_way_through_json(tmp_path: Path) -> None:
    demo = load_use_cases(DEMO)["interstate_traffic"]
    assert UseCase.model_validate_json(demo.model_dump_json()) == demo


def test_what_is_declared_of_files_reaches_the_table(tmp_path: Path) -> None:
    text = GOOD.replace(
        "  timestamp: at\n", "  timestamp: at\n  format: {decimal: ',', timestamp_format: '%d.%m.%Y'}\n"
    )
    [(use_case, _)] = read_use_cases(write(tmp_path, text))
    assert use_case.table.file_format == FileFormat(decimal=",", timestamp_format="%d.%m.%Y")
