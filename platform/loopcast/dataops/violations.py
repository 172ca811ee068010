"""What is wrong with an update file, as values: one violation per broken rule and cell, bounded in number.

Here belong the words in which bad data is reported. Not here: the rules themselves (`loopcast.dataops.updates`).
"""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self

import pandas as pd

from loopcast.errors import bound_text

VIOLATION_LIMIT = 1_000
FOUND_LIMIT = 200
SUMMARY_EXAMPLES = 5


@dataclass(frozen=True)
class Violation:
    """One broken rule.

    Args:
        rule: the rule's name, for instance `not_a_number`.
        found: what the file holds, at most 200 characters.
        expected: what it should hold.
        row: line of the file, from 1, the header counted; in Parquet the row, from 1. None: the whole file.
        column: the column, where one is meant.
        action: what the sender should do.
    """

    rule: str
    found: str
    expected: str
    row: int | None
    column: str | None
    action: str

    def __str__(self) -> str:
        """Return the violation as one sentence."""
        place = f"row {self.row}" if self.row is not None else "the file"
        column = f", column {self.column}" if self.column is not None else ""
        return f"{place}{column}: {self.rule}: found {self.found}; expected {self.expected}; {self.action}"


@dataclass(frozen=True)
class Findings:
    """Violations of one or more rules: the first ones in full, all of them counted.

    Args:
        violations: at most 1,000, by row; those of the whole file first.
        total: how many there are in all.
    """

    violations: tuple[Violation, ...] = ()
    total: int = 0

    @classmethod
    def of(cls, *violations: Violation) -> Self:
        """Return findings that hold just these violations."""
        return cls(violations=violations[:VIOLATION_LIMIT], total=len(violations))


def join_findings(parts: Iterable[Findings]) -> Findings:
    """Return all findings in one, by row, cut at 1,000 violations.

    Examples:
        >>> one = Findings.of(Violation("bad_timestamp", "x", "a time", 3, "t", "write a time"))
        >>> join_findings([one, one]).total
        2
    """
    parts = tuple(parts)
    violations = [violation for part in parts for violation in part.violations]
    violations.sort(key=lambda violation: violation.row or 0)
    return Findings(tuple(violations[:VIOLATION_LIMIT]), sum(part.total for part in parts))


@dataclass(frozen=True)
class Refusal:
    """Why an update is not taken: the file and its violations.

    Args:
        file: the file's name, as delivered.
        violations: the first 1,000 by row.
        total: how many there are in all.
    """

    file: str
    violations: tuple[Violation, ...]
    total: int

    def summary(self) -> str:
        """Return one bounded paragraph: how many violations, of which rules, and the first few."""
        rules = sorted({violation.rule for violation in self.violations})
        examples = [str(violation) for violation in self.violations[:SUMMARY_EXAMPLES]]
        more = self.total - len(examples)
        tail = f" | and {more} more" if more > 0 else ""
        noun = "violation" if self.total == 1 else "violations"
        head = f"{bound_text(self.file, limit=FOUND_LIMIT)} is refused: {self.total} {noun} ({', '.join(rules)}): "
        return bound_text(head + " | ".join(examples) + tail)

    def to_frame(self) -> pd.DataFrame:
        """Return the violations as a table: rule, row (Int64), column, found, expected, action."""
        columns = ["rule", "row", "column", "found", "expected", "action"]
        frame = pd.DataFrame([asdict(violation) for violation in self.violations], columns=columns)
        text = dict.fromkeys([name for name in columns if name != "row"], "str")
        return frame.astype({"row": "Int64", **text})

    def to_dict(self) -> dict[str, Any]:
        """Return the refusal in JSON's own types."""
        return {
            "file": self.file,
            "total": self.total,
            "violations": [asdict(violation) for violation in self.violations],
        }

    @classmethod
    def from_dict(cls, document: Mapping[str, Any]) -> Self:
        """Return the refusal that `to_dict` wrote."""
        violations = tuple(Violation(**item) for item in document["violations"])
        return cls(file=document["file"], violations=violations, total=document["total"])
