"""A file that varies the policies of a use case: what it says counts, all else stays as declared.

Reading whole use cases is in `loopcast.use_case.loader`.
"""

from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from loopcast.errors import CallerError, UseCaseError
from loopcast.use_case.policies import Policies


def read_policies(file: Path, declared: Policies) -> Policies:
    """Return the policies of a use case as a YAML file varies them.

    Args:
        file: YAML with some of the fields that may stand below `policies:`.
        declared: the use case's own.

    Raises:
        CallerError: there is no such file.
        UseCaseError: it is not YAML, or a field in it is wrong.
    """
    if not file.is_file():
        raise CallerError(f"found no file {file}; expected YAML with fields of `policies:`, such as `retrain: never`")
    try:
        varied = yaml.safe_load(file.read_text("utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise _refuse(file, "(whole file)", str(error), "YAML") from error
    if not isinstance(varied, dict):
        raise _refuse(file, "(whole file)", repr(varied), "fields of `policies:`, such as `retrain: never`")
    try:
        return Policies.model_validate(_merge(declared.model_dump(exclude_unset=True), varied))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        field = ".".join(str(part) for part in first["loc"])
        raise _refuse(file, field, repr(first["input"]), first["msg"].removeprefix("Value error, ")) from error


def _merge(old: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
    """Return both, the new value where both have one; what is nested is merged as well."""
    merged = {
        name: _merge(old[name], value) if isinstance(value, dict) and isinstance(old.get(name), dict) else value
        for name, value in new.items()
    }
    return {**old, **merged}


def _refuse(file: Path, field: str, found: str, expected: str) -> UseCaseError:
    return UseCaseError(file=str(file), line=None, field=field, found=found, expected=expected)
