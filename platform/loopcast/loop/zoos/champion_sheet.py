"""The champion as people look at it: which zoo is in force and since when, what came before, who stands beside it.

Nothing is decided here; acting is in `loopcast.loop.zoos.champion`.
"""

from dataclasses import asdict, dataclass
from itertools import islice
from typing import Any

import pandas as pd

from loopcast.loop.project import Project
from loopcast.loop.zoos.challenge import DUELS
from loopcast.loop.zoos.champion import list_champions
from loopcast.loop.zoos.forces import IN_FORCE, ZooInForce, newest_in_force
from loopcast.loop.zoos.pins import Pin, read_pin
from loopcast.loop.zoos.shadow import Challenger, read_challenger
from loopcast.loop.zoos.verdicts import VERDICTS, Verdict
from loopcast.reflection.duel import NO_LOSSES

ROWS = 50
PLATFORM = "platform"


@dataclass(frozen=True, eq=False)
class ChampionSheet:
    """What is told of the champion.

    Args:
        champion: the zoo that was put in force last; None: there is none.
        previous: the one that a rollback goes back to; None: there is none.
        pin: the pin that holds; None: nothing is pinned.
        challenger: the zoo in the shadow; None: there is none.
        history: what was put in force, newest first: `zoo`, `from_version`, `kind`, `actor`, `reason`, `digest`, `at`.
        verdicts: newest first, see `loopcast.loop.zoos.verdicts`, and `at`.
        losses: what the newest verdict with a comparison rests on, see `loopcast.reflection.duel`.
        compared: that verdict; None: there was no comparison.
    """

    champion: ZooInForce | None
    previous: ZooInForce | None
    pin: Pin | None
    challenger: Challenger | None
    history: pd.DataFrame
    verdicts: pd.DataFrame
    losses: pd.DataFrame
    compared: Verdict | None

    @property
    def facts(self) -> dict[str, str | None]:
        """Who is what: keys of zoos, and how the champion came to be it."""
        champion = self.champion
        return {
            "champion": champion.zoo if champion else None,
            "in_force_from": champion.from_version if champion else None,
            "kind": champion.kind if champion else None,
            "actor": champion.actor or PLATFORM if champion else None,
            "reason": champion.reason if champion else None,
            "previous": self.previous.zoo if self.previous else None,
            "pinned": self.pin.zoo if self.pin else None,
            "pinned_by": self.pin.actor if self.pin else None,
            "challenger": self.challenger.zoo if self.challenger else None,
        }


def describe_champion(project: Project, *, last: int = ROWS) -> ChampionSheet:
    """Return what is told of the champion.

    Args:
        project: the use case.
        last: at most so many rows of each table.
    """
    references, line = project.store.references, list_champions(project)
    put = list(islice(references.walk_back(IN_FORCE), last))
    given = list(islice(references.walk_back(VERDICTS), last))
    verdicts = [Verdict(**entry.value) for entry in given]
    compared = next((verdict for verdict in verdicts if verdict.n), None)
    return ChampionSheet(
        champion=newest_in_force(project),
        previous=line[-2] if len(line) > 1 else None,
        pin=read_pin(project),
        challenger=read_challenger(project),
        history=_tabulate(
            [{**asdict(ZooInForce(**entry.value)), "at": entry.at} for entry in put],
            ("zoo", "from_version", "kind", "actor", "reason", "digest", "at"),
        ),
        verdicts=_tabulate(
            [{**asdict(verdict), "at": entry.at} for verdict, entry in zip(verdicts, given, strict=True)],
            (*Verdict.__dataclass_fields__, "at"),
        ),
        losses=NO_LOSSES if compared is None else project.store.outputs.read(DUELS, compared.build),
        compared=compared,
    )


def _tabulate(rows: list[dict[str, Any]], columns: tuple[str, ...]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=list(columns))
