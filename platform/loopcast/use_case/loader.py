"""Reads use cases from YAML and refuses a wrong one with file, line, field, what was found and what was expected.

No Dagster here: the component in `loopcast.orchestration` takes the same models.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from loopcast.errors import CallerError, UseCaseError
from loopcast.use_case.model import UseCase

COMPONENT = "loopcast.orchestration.component.ForecastUseCase"
FILE_NAME = "defs.yaml"


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
    """Yield the use cases of one file with the line each begins on.

    Raises:
        UseCaseError: the file is not YAML or a use case in it is wrong.
    """
    for node in _compose(file):
        if _is_use_case(node):
            yield _build(_construct(node, file=file), node=node, file=file), node.start_mark.line + 1


def _compose(file: Path) -> list[yaml.Node]:
    try:
        return [node for node in yaml.compose_all(file.read_text("utf-8"), yaml.SafeLoader) if node is not None]
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        mark = getattr(error, "problem_mark", None)
        raise UseCaseError(
            file=str(file),
            line=mark.line + 1 if mark else None,
            field="(the file)",
            found=str(getattr(error, "problem", error)),
            expected="valid YAML in UTF-8",
        ) from error


def _is_use_case(node: yaml.Node) -> bool:
    """Return whether a document is ours, told without constructing it: others may have tags that we do not know."""
    pairs = node.value if isinstance(node, yaml.MappingNode) else []
    return any(key.value == "type" and value.value == COMPONENT for key, value in pairs)


def _construct(node: yaml.Node, *, file: Path) -> dict[str, Any]:
    _refuse_repeated(node, file=file)
    try:
        return dict(yaml.SafeLoader("").construct_document(node))
    except (yaml.YAMLError, ValueError) as error:  # ValueError: a date such as 2017-13-01
        mark = getattr(error, "problem_mark", None) or node.start_mark
        raise UseCaseError(
            file=str(file),
            line=mark.line + 1,
            field="(a value)",
            found=str(getattr(error, "problem", error)),
            expected="plain YAML values, dates as year-month-day",
        ) from error


def _refuse_repeated(node: yaml.Node, *, file: Path, path: tuple[str, ...] = ()) -> None:
    """Raise where a field stands twice in the same place: YAML would silently take the last one."""
    if isinstance(node, yaml.SequenceNode):
        for number, item in enumerate(node.value):
            _refuse_repeated(item, file=file, path=(*path, str(number)))
    if not isinstance(node, yaml.MappingNode):
        return
    seen: set[str] = set()
    for key, value in ((key, value) for key, value in node.value if isinstance(key, yaml.ScalarNode)):
        here = (*path, str(key.value))
        if key.value in seen:
            raise UseCaseError(
                file=str(file),
                line=key.start_mark.line + 1,
                field=".".join(here),
                found="the field a second time",
                expected="each field once",
            )
        seen.add(key.value)
        _refuse_repeated(value, file=file, path=here)


def _build(document: dict[str, Any], *, node: yaml.Node, file: Path) -> UseCase:
    try:
        return UseCase.model_validate(document.get("attributes") or {})
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        path = ("attributes", *first["loc"])
        missing = first["type"] == "missing"
        raise UseCaseError(
            file=str(file),
            line=_line_of(node, path),
            field=".".join(str(part) for part in path),
            found="nothing" if missing else repr(first["input"]),
            expected=_expected(first),
        ) from error


def _expected(error: Any) -> str:
    if error["type"] == "missing":
        return "a value: this field is required"
    if error["type"] == "extra_forbidden":
        return (
            f"one of the known fields: {', '.join(UseCase.model_fields)}" if len(error["loc"]) == 1 else "no such field"
        )
    return str(error["msg"]).removeprefix("Value error, ").removeprefix("Input should be ")


def _line_of(node: yaml.Node, path: tuple[Any, ...]) -> int:
    """Return the line of the deepest node on the path that the document has."""
    line = node.start_mark.line + 1
    for part in path:
        if isinstance(node, yaml.MappingNode):
            pair = next(((key, value) for key, value in node.value if key.value == str(part)), None)
            if pair is None:
                return line
            line, node = pair[0].start_mark.line + 1, pair[1]
        elif isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
            node = node.value[part]
            line = node.start_mark.line + 1
        else:
            return line
    return line
