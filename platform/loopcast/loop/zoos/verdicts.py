"""Verdicts: what became of each build's zoo when it met the champion, append-only.

Here belong writing and reading them. How the two are compared is said elsewhere.
"""

from dataclasses import asdict, dataclass
from datetime import datetime
from itertools import takewhile
from typing import Literal

from loopcast.loop.project import Project

VERDICTS = "verdicts"

Outcome = Literal["in_force", "shadow", "rejected"]
OTHERWISE = {"pinned", "replaced"}  # rules that reject a zoo for no fault of its own


@dataclass(frozen=True)
class Verdict:
    """What became of a build's zoo, or, after a time in the shadow, finally became of it.

    Args:
        build: the build.
        zoo: its zoo's key; None where it got none.
        outcome: `in_force`, `shadow` (it forecasts beside the champion for a while), or `rejected`.
        champion: the zoo that was in force; None: there was none.
        champion_mae: its mean absolute error on what both were judged on, target's unit; None: they were not compared.
        challenger_mae: the same of the new zoo.
        n: forecasts both were judged on.
        p_value: of the test that the new one is not better; None: they were not compared.
        reason: in words.
        rule: what decided: `unopposed` (there was no champion to meet), `better`, `not_better`, `not_worse`, `worse`,
            `no_comparison`, `gate`, `pinned`, `shadow`, `replaced` (by a newer challenger), `silent` (the challenger
            could not speak), or `promoted` (by a person).
    """

    build: str
    zoo: str | None
    outcome: Outcome
    champion: str | None
    champion_mae: float | None
    challenger_mae: float | None
    n: int
    p_value: float | None
    reason: str
    rule: str = ""


def record_verdict(project: Project, verdict: Verdict, *, now: datetime) -> None:
    """Record a verdict."""
    project.store.references.append(VERDICTS, asdict(verdict), now=now)


def list_verdicts(project: Project, *, last: int | None = None) -> list[Verdict]:
    """Return the verdicts, oldest first.

    Args:
        project: the use case.
        last: only the newest so many.
    """
    return [Verdict(**entry.value) for entry in project.store.references.history(VERDICTS, last=last)]


def find_verdict(project: Project, build: str) -> Verdict | None:
    """Return the newest verdict on a build's zoo; None where there is none."""
    return next((verdict for verdict in reversed(list_verdicts(project)) if verdict.build == build), None)


def count_rejected(project: Project, *, last: int = 10) -> int:
    """Return how many of the newest verdicts in a row were that the new zoo is not good enough.

    Args:
        project: the use case.
        last: at most so many are looked at.
    """
    judged = [verdict for verdict in list_verdicts(project, last=last) if verdict.rule not in OTHERWISE]
    return sum(1 for _ in takewhile(lambda verdict: verdict.outcome == "rejected", reversed(judged)))
