"""The store of one use case: its dataset versions, outputs and references in one folder of a lake.

Here belongs opening it. Not here: any of the parts.
"""

import re
from dataclasses import dataclass
from typing import Self

from loopcast.dataops.table import TableSpec
from loopcast.errors import CallerError
from loopcast.store.lake import Lake, open_lake
from loopcast.store.outputs import OutputStore
from loopcast.store.refs import References
from loopcast.store.versions import VersionStore

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")


@dataclass(frozen=True)
class Store:
    """Everything durable of one use case.

    Args:
        lake: where it is.
        use_case: the use case's name, which is its folder.
        spec: the table's columns, keys and time.
        versions: the dataset versions.
        outputs: tables and documents made from them.
        references: names that point at some of those.
    """

    lake: Lake
    use_case: str
    spec: TableSpec
    versions: VersionStore
    outputs: OutputStore
    references: References

    def list_erasures(self) -> list[str]:
        """Return the records of erasures, begun and done: what was read before a new one must be read again."""
        return self.lake.list(f"{self.use_case}/erasures")

    @classmethod
    def over(
        cls,
        lake: Lake,
        *,
        use_case: str,
        spec: TableSpec,
        code_version: str,
        contract_version: str = "1",
        contract_digest: str = "",
    ) -> Self:
        """Return the store of a use case in a lake; raises CallerError where the name cannot be a folder."""
        if _NAME.fullmatch(use_case) is None:
            raise CallerError(f"found the use case {use_case!r}; expected a name of letters, digits, _ and -")
        versions = VersionStore(
            lake,
            folder=use_case,
            spec=spec,
            code_version=code_version,
            contract_version=contract_version,
            contract_digest=contract_digest,
        )
        outputs, references = OutputStore(lake, folder=use_case), References(lake, folder=use_case)
        return cls(lake, use_case, spec, versions, outputs, references)


def open_store(
    url: str,
    *,
    use_case: str,
    spec: TableSpec,
    code_version: str,
    contract_version: str = "1",
    contract_digest: str = "",
) -> Store:
    """Return the store of a use case.

    Args:
        url: where the lake is: a folder, `memory://`, or an object store's URL.
        use_case: the use case's name, which is its folder.
        spec: the table's columns, keys and time.
        code_version: recorded with every version settled here.
        contract_version: recorded with every version settled here.
        contract_digest: recorded with every version settled here.
    """
    return Store.over(
        open_lake(url),
        use_case=use_case,
        spec=spec,
        code_version=code_version,
        contract_version=contract_version,
        contract_digest=contract_digest,
    )
