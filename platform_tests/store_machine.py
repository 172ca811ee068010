"""The version store as a state machine next to an oracle: one plain dict of rows per version."""

import csv
import io
import shutil
import tempfile
from collections import Counter
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from errno import EIO
from pathlib import Path
from typing import Any, ClassVar

import pandas as pd
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from loopcast.dataops.digest import state_digest
from loopcast.errors import StoreError
from loopcast.store.erasure import ErasureRequest
from loopcast.store.forgetting import erase
from loopcast.store.lake import LocalLake
from loopcast.store.verify import verify
from loopcast.store.version_records import version_key
from loopcast.store.versions import VersionStore
from store_examples import NOW, SPEC, FailingDisk, PowerCutError, store_over, upload

Rows = dict[tuple[str, datetime], dict[str, Any]]

START = datetime(2020, 1, 1)  # noqa: DTZ001 - wall-clock time
SERIES = ("a", "b", "ç 'd' \"e\"")
NUMBERS = st.one_of(st.none(), st.integers(-3, 3), st.sampled_from([0.1, 1e14, -2.5e-7]))
TEXTS = st.sampled_from([None, "u", "v,w", "ü'"])
KEYS = st.tuples(st.sampled_from(SERIES), st.integers(0, 5).map(lambda hours: START + timedelta(hours=hours)))
COLUMNS = st.lists(st.sampled_from(SPEC.variable_names), min_size=1, unique=True)


@dataclass(frozen=True)
class Change:
    """An update: which columns it carries, and per key their values, or None where the row is removed."""

    columns: tuple[str, ...]
    rows: dict[tuple[str, datetime], dict[str, Any] | None]
    is_bad: bool = False

    def to_csv(self) -> str:
        """Return the update as it is sent."""
        buffer = io.StringIO()
        writer = csv.writer(buffer, lineterminator="\n")
        writer.writerow(["_operation", *self.columns, "t", "k"])
        for (series, moment), values in self.rows.items():
            cells = ["" if values is None or values[name] is None else values[name] for name in self.columns]
            stamp = moment + timedelta(minutes=7 if self.is_bad else 0)
            writer.writerow(["upsert" if values is not None else "remove", *cells, stamp.isoformat(" "), series])
        return buffer.getvalue()

    def apply(self, rows: Rows) -> Rows:
        """Return the rows after the update."""
        after = dict(rows)
        for key, values in () if self.is_bad else self.rows.items():
            after.pop(key, None)
            if values is not None:
                after[key] = {**rows.get(key, dict.fromkeys(SPEC.variable_names)), **values}
        return after


@st.composite
def changes(draw: st.DrawFn) -> Change:
    """Return updates of one to five rows with some of the columns."""
    columns = tuple(draw(COLUMNS))
    cells = {name: TEXTS if name == "c" else NUMBERS for name in columns}
    values = st.one_of(st.fixed_dictionaries(cells), st.fixed_dictionaries(cells), st.none())
    return Change(columns, draw(st.dictionaries(KEYS, values, min_size=1, max_size=5)), draw(st.integers(0, 9)) == 0)


@st.composite
def erasures(draw: st.DrawFn) -> ErasureRequest:
    """Return requests to erase whole series, or an hour or two of all series."""
    if draw(st.booleans()):
        return ErasureRequest(((draw(st.sampled_from(SERIES)),),), None, None, "ada", "test")
    start = draw(KEYS)[1]
    return ErasureRequest((), start, start + timedelta(hours=draw(st.integers(0, 1))), "ada", "test")


class VersionMachine(RuleBasedStateMachine):
    """Two handles on one store, and what they must say.

    `sent` has every acknowledged update, `states` the rows after each settled one.
    """

    done: ClassVar[Counter[str]] = Counter()

    def __init__(self) -> None:
        super().__init__()
        self.root = Path(tempfile.mkdtemp())
        self.is_fresh = True
        self._open()
        self.sent: list[tuple[str, Change]] = []
        self.states: list[Rows] = []

    def teardown(self) -> None:
        """Read every version once more, in a fresh handle, and verify."""
        self.reopen()
        for number in range(1, len(self.states) + 1):
            self._expect(number, self.handles[0].versions.read(version_key(number)))
        self.handles[0].versions.catch_up(now=NOW)  # the last thing may have been an erasure that was interrupted
        assert verify(self.handles[0]).damages == ()
        shutil.rmtree(self.root)

    @rule(change=changes(), handle=st.integers(0, 1), name=st.integers(0, 10**9))
    def claim(self, change: Change, handle: int, name: int) -> None:
        self._claim(self.handles[handle], change, f"{name}.csv")

    @rule(handle=st.integers(0, 1), data=st.data())
    @precondition(lambda self: len(self.states) < len(self.sent))
    def settle(self, handle: int, data: st.DataObject) -> None:
        number = data.draw(st.integers(len(self.states) + 1, len(self.sent)))
        record = self.handles[handle].versions.settle(version_key(number), now=NOW)
        self._follow(number)
        self._count("settle")
        assert record.status == ("refused" if self.sent[number - 1][1].is_bad else "accepted")

    @rule(change=changes(), handle=st.integers(0, 1), name=st.integers(0, 10**9))
    def update(self, change: Change, handle: int, name: int) -> None:
        self._claim(self.handles[handle], change, f"{name}.csv")
        self.handles[1 - handle].versions.settle(version_key(len(self.sent)), now=NOW)
        self._follow(len(self.sent))
        self._count("settle")

    @rule(handle=st.integers(0, 1), data=st.data())
    @precondition(lambda self: self.sent)
    def send_again(self, handle: int, data: st.DataObject) -> None:
        number = data.draw(st.integers(1, len(self.sent)))
        name, change = self.sent[number - 1]
        claim = self.handles[handle].versions.claim(upload(change.to_csv(), name=name), now=NOW)
        assert (claim.version, claim.duplicate) == (version_key(number), True)
        self._count("send_again")

    @rule(handle=st.integers(0, 1), data=st.data())
    @precondition(lambda self: self.states)
    def read(self, handle: int, data: st.DataObject) -> None:
        number = data.draw(st.integers(1, len(self.states)))
        columns = data.draw(st.one_of(st.none(), COLUMNS))
        series = data.draw(st.one_of(st.none(), st.lists(st.sampled_from(SERIES), unique=True)))
        start, end = (data.draw(st.one_of(st.none(), KEYS.map(lambda key: key[1]))) for _ in range(2))
        frame = self.handles[handle].versions.read(
            version_key(number), columns=columns, series=series, start=start, end=end
        )
        self._expect(number, frame, columns=columns, series=series, start=start, end=end)
        self._count("read")

    @rule(handle=st.integers(0, 1), data=st.data())
    @precondition(lambda self: self.states)
    def checkpoint(self, handle: int, data: st.DataObject) -> None:
        number = data.draw(st.integers(1, len(self.states)))
        self.handles[handle].versions.checkpoint(version_key(number))
        self._count("checkpoint")

    @rule(handle=st.integers(0, 1), data=st.data())
    @precondition(lambda self: self.states)
    def compare(self, handle: int, data: st.DataObject) -> None:
        old, new = (data.draw(st.integers(1, len(self.states))) for _ in range(2))
        before, after = self.states[old - 1], self.states[new - 1]
        found = self.handles[handle].versions.diff(version_key(old), version_key(new))
        assert (found.added, found.removed) == (len(after.keys() - before.keys()), len(before.keys() - after.keys()))
        assert found.corrected == sum(before[key] != after[key] for key in before.keys() & after.keys())
        assert cells_of(found.cells) == compare_cells(before, after)
        self._count("compare")

    @rule(handle=st.integers(0, 1), request=erasures())
    @precondition(lambda self: self.states)
    def erase(self, handle: int, request: ErasureRequest) -> None:
        erase(self.handles[handle], request, salt="s", now=NOW)
        self._follow(len(self.sent))
        self._erase(request)
        self._count("erase")

    @rule(request=erasures(), fail_at=st.integers(1, 80), is_power=st.booleans())
    @precondition(lambda self: self.states)
    def meet_a_fault_while_erasing(self, request: ErasureRequest, fail_at: int, is_power: bool) -> None:
        disk = FailingDisk(float("inf"), errno=None if is_power else EIO)
        store = store_over(LocalLake(self.root, disk=disk))
        erased = self._count_tombstones()
        disk.steps, disk.fail_at = 0, fail_at
        is_done = False
        try:
            erase(store, request, salt="s", now=NOW)
            is_done = True
        except PowerCutError:
            disk.forget()
            self.reopen()
        except StoreError:
            self.handles[0] = store
        self._follow(len(self.handles[0].versions.records()))
        if is_done or self._count_tombstones() > erased:
            self._erase(request)
        self._count("meet_a_fault_while_erasing")

    @rule()
    @precondition(lambda self: not self.is_fresh)
    def reopen(self) -> None:
        self._open()
        self._count("reopen")

    @rule(change=changes(), name=st.integers(0, 10**9), fail_at=st.integers(1, 45), is_power=st.booleans())
    def meet_a_fault(self, change: Change, name: int, fail_at: int, is_power: bool) -> None:
        disk = FailingDisk(float("inf"), errno=None if is_power else EIO)
        store = store_over(LocalLake(self.root, disk=disk))
        disk.steps, disk.fail_at = 0, fail_at
        try:
            claim = store.versions.claim(upload(change.to_csv(), name=f"{name}.csv"), now=NOW)
            store.versions.settle(claim.version, now=NOW)
        except PowerCutError:
            disk.forget()
            self.reopen()
        except StoreError:
            self.handles[0] = store
        if len(self.handles[0].versions.claims()) > len(self.sent):
            self.sent.append((f"{name}.csv", change))
        self._follow(len(self.handles[0].versions.records()))
        self._count("meet_a_fault")

    @invariant()
    def agree(self) -> None:
        """Both handles say what is claimed, what is settled, and what the newest version is."""
        rows = self.states[-1] if self.states else {}
        for store in self.handles:
            assert len(store.versions.claims()) == len(self.sent)
            assert len(store.versions.unsettled()) == len(self.sent) - len(self.states)
            newest = store.versions.newest(accepted=False)
            if newest is None:
                assert not self.states
                continue
            times = [moment for _, moment in rows]
            found = (newest.version, newest.rows, newest.series, newest.first_timestamp, newest.last_timestamp)
            assert found == (
                version_key(len(self.states)), len(rows), len({key for key, _ in rows}), min(times, default=None),
                max(times, default=None),
            )  # fmt: skip
            assert newest.state_digest == state_digest(to_frame(rows), SPEC)

    def _open(self) -> None:
        """Open both handles; the second never keeps rows in memory."""
        self.handles = [store_over(LocalLake(self.root)) for _ in range(2)]
        versions = VersionStore(self.handles[1].lake, folder="demo", spec=SPEC, code_version="test", head_bytes=0)
        self.handles[1] = replace(self.handles[1], versions=versions)

    def _claim(self, store: Any, change: Change, name: str) -> None:
        claim = store.versions.claim(upload(change.to_csv(), name=name), now=NOW)
        if not claim.duplicate:
            self.sent.append((name, change))
        self._count("claim")

    def _erase(self, request: ErasureRequest) -> None:
        """Take rows out of all versions, which an erasure settles first."""
        series = {key for (key,) in request.series} or set(SERIES)
        start, end = request.start or datetime.min, request.end or datetime.max  # noqa: DTZ901 - wall-clock time
        self.states = [
            {key: row for key, row in rows.items() if not (key[0] in series and start <= key[1] <= end)}
            for rows in self.states
        ]

    def _count_tombstones(self) -> int:
        """Return how many erasures count; that one is finished is written into the same folder, perhaps later."""
        return sum(not path.endswith("-done.json") for path in self.handles[0].lake.list("demo/erasures"))

    def _follow(self, number: int) -> None:
        """Bring the oracle to a settled version."""
        for _, change in self.sent[len(self.states) : number]:
            self.states.append(change.apply(self.states[-1] if self.states else {}))

    def _expect(self, number: int, frame: pd.DataFrame, *, columns=None, series=None, start=None, end=None) -> None:
        """Compare what was read with the oracle."""
        wanted = to_frame(self.states[number - 1])
        chosen = wanted["k"].isin(SERIES if series is None else series)
        chosen &= wanted["t"].between(start or datetime.min, end or datetime.max)  # noqa: DTZ901 - wall-clock time
        names = [*SPEC.keys, *(SPEC.variable_names if columns is None else columns)]
        pd.testing.assert_frame_equal(frame, wanted.loc[chosen, names].reset_index(drop=True))

    def _count(self, name: str) -> None:
        type(self).done[name] += 1
        self.is_fresh = name == "reopen"


def to_frame(rows: Rows) -> pd.DataFrame:
    """Return the oracle's rows as the store must give them."""
    dtypes = {"k": "str", "t": "datetime64[us]", "y": "float64", "z": "float64", "c": "str"}
    records = [{"k": key, "t": moment, **values} for (key, moment), values in rows.items()]
    frame = pd.DataFrame(records, columns=list(dtypes)).astype(dtypes)
    return frame.sort_values(["k", "t"], ignore_index=True)


def compare_cells(before: Rows, after: Rows) -> set[tuple[Any, ...]]:
    """Return what is different between two versions: series, timestamp, change, column, before and after."""
    nothing: dict[str, Any] = dict.fromkeys(SPEC.variable_names)
    cells = set()
    for key in before.keys() | after.keys():
        old, new = before.get(key, nothing), after.get(key, nothing)
        change = "corrected" if key in before and key in after else "added" if key in after else "removed"
        columns = {name for name in SPEC.variable_names if old[name] != new[name]}
        cells |= {(*key, change, name, old[name], new[name]) for name in columns}
        if change != "corrected" and not columns:
            cells.add((*key, change, None, None, None))
    return cells


def cells_of(cells: pd.DataFrame) -> set[tuple[Any, ...]]:
    """Return the store's own differences in the same form."""
    rows = cells[["k", "t", "change", "column", "before", "after"]].astype(object)
    return set(rows.where(rows.notna(), None).itertuples(index=False, name=None))


def run_machine(*, examples: int, steps: int, derandomize: bool) -> Counter[str]:
    """Return how often each thing was done; raises AssertionError, with the shortest way there, at a mismatch."""
    VersionMachine.done = Counter()
    run_state_machine_as_test(
        VersionMachine,
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            derandomize=derandomize,
            phases=[Phase.generate] if derandomize else list(Phase),  # shrinking takes minutes
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
    return VersionMachine.done
