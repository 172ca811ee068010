"""Reads use cases from YAML and refuses a wrong one with file, line, field, what was found and what was expected.

No Dagster here: the component in `loopcast.orchestration` takes the same models.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from loopcast.errors import CallerError, UseCaseError
from loopcast.use_case.contract import check_names, join_contract
from loopcast.use_case.model import UseCase
from loopcast.use_case.yaml_lines import compose_documents, construct_document, line_of

COMPONENT = "loopcast.orchestration.component.ForecastUseCase"
FILE_NAME = "defs.yaml"
PASSWORD = re.compile(r"://[^/\s'\"]*@")


def load_use_cases(folder: Path) -> dict[str, UseCase]:
    """Return all use cases below a folder, by name.

    Args:
        folder: every `defs.yaml` below it is read; documents of other component types are left alone.

    Raises:
        CallerError: there is no such folder.
        UseCaseError: a file is not YAML, a use case is wrong, or two have the same name.
    """
    if not folder.is_dir():
        raise CallerError(f"found no folder {folder}; make it, or set LOOPCAST_USE_CASES to where the use cases are")
    found: dict[str, UseCase] = {}
    for file in sorted(folder.rglob(FILE_NAME)):
        for use_case, line in read_use_cases(file):
            if use_case.name in found:
                raise UseCaseError(
                    file=str(file),
                    line=line,
                    field="attributes.name",
                    found=use_case.name,
                    expected="a name that no other use case has",
                )
            found[use_case.name] = use_case
    return found


def read_use_cases(file: Path) -> Iterator[tuple[UseCase, int]]:
    """Yield the use cases of one file, each with its contract, and the line it begins on.

    Raises:
        UseCaseError: the file is not YAML, or a use case in it or its contract is wrong.
    """
    found = [
        (_build(construct_document(node, file=file), node=node, file=file), node.start_mark.line + 1)
        for node in compose_documents(file)
        if _is_use_case(node)
    ]
    check_names(file.parent, [use_case.name for use_case, _ in found])
    yield from ((join_contract(use_case, folder=file.parent), line) for use_case, line in found)


def _is_use_case(node: yaml.Node) -> bool:
    """Return whether a document is ours, told without constructing it: others may have tags that we do not know."""
    pairs = node.value if isinstance(node, yaml.MappingNode) else []
    return any(key.value == "type" and value.value == COMPONENT for key, value in pairs)


def _build(document: dict[str, Any], *, node: yaml.Node, file: Path) -> UseCase:
    try:
        return UseCase.model_validate(document.get("attributes") or {})
    except ValidationError as error:
        first = _plain_error(error.errors(include_url=False)[0])
        missing = first["type"] == "missing"
        path = ("attributes", *_written_path(first["loc"], document.get("attributes"), is_missing=missing))
        raise UseCaseError(
            file=str(file),
            line=line_of(node, path),
            field=".".join(str(part) for part in path),
            found="nothing" if missing else PASSWORD.sub("://***@", repr(first["input"])),
            expected=_expected(first),
        ) from error


def _plain_error(error: Any) -> Any:
    """Return the error; that of an unknown kind as one of the field `kind`."""
    if error["type"] != "union_tag_invalid":
        return error
    found, expected = error["ctx"]["tag"], error["ctx"]["expected_tags"]
    return {**error, "loc": (*error["loc"], "kind"), "input": found, "msg": f"one of {expected}"}


def _written_path(path: tuple[Any, ...], value: Any, *, is_missing: bool) -> tuple[Any, ...]:
    """Return the part of a path that stands in the YAML: a list of one may be left out, kinds are no level of it."""
    kept: list[Any] = []
    for part in path:
        if part in value if isinstance(value, dict) else isinstance(value, list) and isinstance(part, int):
            value = value[part]
            kept.append(part)
    return (*kept, path[-1]) if is_missing else tuple(kept)


def _expected(error: Any) -> str:
    if error["type"] == "missing":
        return "a value: this field is required"
    if error["type"] == "extra_forbidden":
        return (
            f"one of the known fields: {', '.join(UseCase.model_fields)}" if len(error["loc"]) == 1 else "no such field"
        )
    return str(error["msg"]).removeprefix("Value error, ").removeprefix("Input should be ")
