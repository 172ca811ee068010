"""The contract of a use case: read from `contract.yaml` beside its `defs.yaml`, or made from what that file says.

Here belong the YAML file, the standard's own model, and joining both with the use case. Not here: what a contract means
(`loopcast.dataops.contract.contract`, `loopcast.dataops.contract.odcs`).
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any, TypeVar

import pandas as pd
import yaml
from pydantic import ValidationError

from loopcast.dataops.contract.contract import Contract, check_columns, declared_kinds, refuse
from loopcast.dataops.contract.odcs import read_contract
from loopcast.errors import UseCaseError
from loopcast.use_case.model import Target, UseCase
from loopcast.use_case.yaml_lines import compose_documents, construct_document, line_of

CONTRACT_FILE = "contract.yaml"
WALL_CLOCK = "wall-clock"
Variable = TypeVar("Variable", bound=Target)
LOGICAL_TYPES = {"timestamp": "timestamp", "series_key": "string", "number": "number", "category": "string"}


def join_contract(use_case: UseCase, *, folder: Path) -> UseCase:
    """Return the use case with the contract in its folder, which it is itself where there is none.

    Args:
        use_case: as its `defs.yaml` declares it.
        folder: where `contract.yaml` may be; the document whose schema has the use case's name counts.

    Raises:
        UseCaseError: the contract is wrong, or says something else than the use case.
    """
    file = folder / CONTRACT_FILE
    if use_case.contract.odcs is not None:
        expected = f"the contract in {CONTRACT_FILE} beside the file, where its lines can be shown"
        raise UseCaseError(file=str(folder), line=None, field="contract.odcs", found="a contract", expected=expected)
    if not file.is_file():
        return use_case
    for node, document in _read_documents(file):
        with _Place(file, node):
            contract = read_contract(document)
            if contract.name == use_case.name:
                check_columns(contract, use_case.table)
                return _merge(use_case, contract)
    return use_case


def check_names(folder: Path, names: Sequence[str]) -> None:
    """Make sure that every contract in a folder belongs to one of the use cases there.

    Raises:
        UseCaseError: one does not, or two belong to the same.
    """
    file, seen = folder / CONTRACT_FILE, set[str]()
    for node, document in _read_documents(file) if file.is_file() else []:
        with _Place(file, node):
            name = read_contract(document).name
            if name not in names:
                raise refuse("schema", 0, "name", found=name, expected=f"the use case's name: {' or '.join(names)}")
            if name in seen:
                raise refuse("schema", 0, "name", found=f"{name} again", expected="one contract for each use case")
            seen.add(name)


def contract_of(use_case: UseCase) -> Contract:
    """Return the contract that is meant: the one of its file, else the one that its own fields make."""
    return read_contract(to_odcs(use_case))


def to_odcs(use_case: UseCase) -> dict[str, Any]:
    """Return the contract as a document of the standard; where there is no file, what the use case declares."""
    if use_case.contract.odcs is not None:
        return use_case.contract.odcs
    inline = use_case.contract
    return {
        "apiVersion": "v3.1.0",
        "kind": "DataContract",
        "id": use_case.name,
        "version": inline.version,
        "status": "active",
        "description": {"purpose": use_case.description},
        "schema": [
            {
                "name": use_case.name,
                "logicalType": "object",
                "physicalType": "table",
                "properties": list(_make_properties(use_case)),
            }
        ],
        "slaProperties": [
            {"property": "frequency", **_to_sla(inline.cadence)},
            {"property": "latency", **_to_sla(inline.grace)},
        ],
        "team": {"members": [{"username": owner, "role": "owner"} for owner in use_case.owners]},
        "support": [{"channel": use_case.steward}],
    }


def to_contract_yaml(document: Mapping[str, Any]) -> str:
    """Return a contract's document as YAML, as the standard's own model writes it."""
    from open_data_contract_standard.model import OpenDataContractStandard  # 0.35 s

    return OpenDataContractStandard.model_validate(document).to_yaml()


class _Place:
    """Gives an error in a contract's document its file and line."""

    def __init__(self, file: Path, node: yaml.Node) -> None:
        self._file, self._node = file, node

    def __enter__(self) -> None:
        """Do nothing: only errors matter."""

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        if isinstance(error, UseCaseError):
            path = tuple(int(part) if part.isdigit() else part for part in error.field.split("."))
            line = line_of(self._node, path)
            raise UseCaseError(
                file=str(self._file), line=line, field=error.field, found=error.found, expected=error.expected
            ) from None


def _read_documents(file: Path) -> Iterator[tuple[yaml.Node, dict[str, Any]]]:
    """Yield the contracts of a file as the standard's own model has them, each with its place in the file."""
    for node in compose_documents(file):
        yield node, _validate(construct_document(node, file=file), node=node, file=file)


def _validate(document: dict[str, Any], *, node: yaml.Node, file: Path) -> dict[str, Any]:
    from open_data_contract_standard.model import OpenDataContractStandard  # 0.35 s

    with _Place(file, node):
        try:
            model = OpenDataContractStandard.model_validate(_to_plain(document))
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            expected = str(first["msg"]).removeprefix("Input should be ").removeprefix("Extra inputs are ")
            raise refuse(*first["loc"], found=first["input"], expected=f"{expected} (ODCS v3.1)") from error
        known = model.model_dump(mode="json", by_alias=True, exclude_unset=True)
        for path in _unknown_fields(document, known):
            raise refuse(*path, found="a field that the standard does not have", expected="a field of ODCS v3.1")
    return known


def _unknown_fields(given: Any, known: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """Yield where a document has fields that the standard's model has dropped: it ignores them, a typing error too."""
    if isinstance(given, dict) and isinstance(known, dict):
        for name, value in given.items():
            here = (*path, name)
            yield from _unknown_fields(value, known[name], here) if name in known else [here]
    elif isinstance(given, list) and isinstance(known, list):
        for at, (value, kept) in enumerate(zip(given, known, strict=True)):
            yield from _unknown_fields(value, kept, (*path, at))


def _to_plain(value: Any) -> Any:
    """Return YAML's values as JSON's: dates as text."""
    if isinstance(value, dict):
        return {str(name): _to_plain(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_to_plain(item) for item in value]
    return value.isoformat() if isinstance(value, date) else value


def _merge(use_case: UseCase, contract: Contract) -> UseCase:
    """Return the use case with what its contract promises: bounds, required columns, units, the schedule."""
    _check_schedule(use_case, contract)
    _check_meanings(use_case, contract)
    predictors = tuple(_merge_variable(predictor, contract) for predictor in use_case.predictors)
    target = _merge_variable(use_case.target, contract)
    merged = use_case.model_copy(update={"target": target, "predictors": predictors})
    promised = {"version": contract.version, "cadence": contract.cadence, "grace": contract.grace}
    odcs = _complete(contract.document, merged)
    return merged.model_copy(update={"contract": use_case.contract.model_copy(update={**promised, "odcs": odcs})})


def _complete(document: Mapping[str, Any], use_case: UseCase) -> dict[str, Any]:
    """Return the contract with what the use case alone declares of its columns: it is enforced, so it is promised."""
    declared = {made["name"]: made for made in _make_properties(use_case)}
    (table,) = document["schema"]
    properties = [_complete_property(node, declared[node["name"]]) for node in table["properties"]]
    return {**document, "schema": [{**table, "properties": properties}]}


def _complete_property(stated: Mapping[str, Any], declared: Mapping[str, Any]) -> dict[str, Any]:
    options = {**declared.get("logicalTypeOptions", {}), **(stated.get("logicalTypeOptions") or {})}
    custom = list(stated.get("customProperties") or [])
    known = {item.get("property") for item in custom}
    custom += [item for item in declared.get("customProperties", []) if item["property"] not in known]
    required = {"required": True} if declared.get("required") else {}
    parts = {"logicalTypeOptions": options, "customProperties": custom}
    return {**declared, **stated, **required, **{name: part for name, part in parts.items() if part}}


def _merge_variable(variable: Variable, contract: Contract) -> Variable:
    column = contract.column(variable.name)
    if column is None:
        return variable
    promised = {
        "minimum": column.minimum,
        "maximum": column.maximum,
        "required": column.required or None,
        "unit": column.meaning.get("unit"),
    }
    return variable.model_copy(update={name: value for name, value in promised.items() if value is not None})


def _check_schedule(use_case: UseCase, contract: Contract) -> None:
    """Raise where `contract` in `defs.yaml` states a version or a schedule of its own, and another one."""
    inline = use_case.contract
    for name, promised in (("version", contract.version), ("cadence", contract.cadence), ("grace", contract.grace)):
        declared = getattr(inline, name)
        same = declared == promised if name == "version" else pd.Timedelta(declared) == pd.Timedelta(promised)
        if name in inline.model_fields_set and not same:
            expected = f"{declared}, as `contract` in defs.yaml says; leave it out there"
            raise refuse(
                "version" if name == "version" else "slaProperties", found=f"{name} {promised}", expected=expected
            )


def _check_meanings(use_case: UseCase, contract: Contract) -> None:
    """Raise where the contract says that a column means something else than the use case does."""
    for at, column in enumerate(contract.columns):
        declared = _meaning(use_case, column.name)
        for name in [name for name in declared if name in column.meaning and declared[name] != ""]:
            if column.meaning[name] != declared[name]:
                raise refuse(
                    "schema", 0, "properties", at, "customProperties",
                    found=f"{name} {column.meaning[name]}", expected=f"{declared[name]}, as defs.yaml says",
                )  # fmt: skip


def _meaning(use_case: UseCase, column: str) -> dict[str, Any]:
    """Return what the values of a column mean, as the use case declares it; an empty unit is one not declared."""
    if column == use_case.timestamp:
        return {
            "samplingPeriod": use_case.frequency,
            "timestampMarks": use_case.timestamp_marks,
            "timeZone": use_case.time_zone or WALL_CLOCK,
        }
    if column == use_case.target.name:
        return {"unit": use_case.target.unit}
    predictor = next((predictor for predictor in use_case.predictors if predictor.name == column), None)
    return {} if predictor is None else {"unit": predictor.unit, "knownAhead": predictor.known_ahead}


def _make_properties(use_case: UseCase) -> Iterator[dict[str, Any]]:
    """Yield the columns of a use case as the standard's properties."""
    variables = {variable.name: variable for variable in (use_case.target, *use_case.predictors)}
    for name, kind in declared_kinds(use_case.table).items():
        made: dict[str, Any] = {"name": name, "logicalType": LOGICAL_TYPES[kind]}
        if name in use_case.table.keys:
            keys = use_case.table.keys
            made |= {"required": True, "primaryKey": True, "primaryKeyPosition": keys.index(name) + 1}
        else:
            variable = variables[name]
            options = {"minimum": variable.minimum, "maximum": variable.maximum}
            made |= {"required": True} if variable.required else {}
            made |= {"logicalTypeOptions": stated} if (stated := _stated(options)) else {}
        meaning = {what: value for what, value in _meaning(use_case, name).items() if value}
        custom = [{"property": what, "value": value} for what, value in meaning.items()]
        yield {**made, "customProperties": custom} if custom else made


def _stated(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}


def _to_sla(duration: str) -> dict[str, Any]:
    """Return a duration as a value and a unit: whole days, else hours, else minutes.

    Examples:
        >>> _to_sla("1D"), _to_sla("90min")
        ({'value': 1, 'unit': 'd'}, {'value': 90, 'unit': 'min'})
    """
    minutes = pd.Timedelta(duration) / pd.Timedelta("1min")
    for unit, size in (("d", 1440), ("h", 60)):
        if minutes % size == 0:
            return {"value": int(minutes // size), "unit": unit}
    return {"value": int(minutes) if minutes == int(minutes) else minutes, "unit": "min"}
