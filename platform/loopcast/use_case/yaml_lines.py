"""YAML files read with the line of every field, so that whatever is wrong with one can be shown.

Here belong reading, refusing what is no plain YAML, and finding lines. Not here: what the fields mean.
"""

from pathlib import Path
from typing import Any

import yaml

from loopcast.errors import UseCaseError


def compose_documents(file: Path) -> list[yaml.Node]:
    """Return the documents of a file, not yet constructed; raises UseCaseError where it is no YAML."""
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


def construct_document(node: yaml.Node, *, file: Path) -> dict[str, Any]:
    """Return a document as plain values; raises UseCaseError for a field given twice or a value that is none."""
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


def line_of(node: yaml.Node, path: tuple[Any, ...]) -> int:
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
