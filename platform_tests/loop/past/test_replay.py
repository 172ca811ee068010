"""A recorded history cut into updates: played one after the other they give the history back."""

import io
from pathlib import Path

import pandas as pd
import pytest

from loopcast.errors import CallerError
from loopcast.loop.past.replay import PlannedUpdate, plan_replay
from loopcast.use_case.loader import load_use_cases
from loopcast.use_case.model import UseCase
from made_use_case import ROOT, YAML, make_counts

DEMO = ROOT / "platform" / "use_cases"
REVISED = pd.DataFrame({"at": ["2024-01-03 05:00:00"], "count": ["7"], "corrected_on": ["2024-01-05"]})


def rows_of(update: PlannedUpdate) -> list[dict[str, str]]:
    frame = pd.read_csv(io.BytesIO(update.content), dtype=str, keep_default_na=False)
    return [{str(name): value for name, value in row.items()} for row in frame.to_dict("records")]


def play(planned: list[PlannedUpdate], key: str) -> dict[str, dict[str, str]]:
    """The naive oracle: a plain dict from timestamp to cells."""
    state: dict[str, dict[str, str]] = {}
    for update in planned:
        for row in rows_of(update):
            if row.pop("_operation", "") == "remove":
                state.pop(row[key], None)
            else:
                state[row[key]] = row
    return state


@pytest.fixture(scope="module")
def demo() -> UseCase:
    return load_use_cases(DEMO)["interstate_traffic"]


@pytest.fixture(scope="module")
def planned(demo: UseCase) -> list[PlannedUpdate]:
    return plan_replay(demo, folder=DEMO / demo.name)


def test_the_demo_s_updates_put_together_give_back_its_history(demo: UseCase, planned: list[PlannedUpdate]) -> None:
    assert demo.replay is not None
    folder = DEMO / demo.name
    history = pd.read_csv(folder / demo.replay.history, dtype=str, keep_default_na=False)
    revisions = pd.read_csv(folder / str(demo.replay.revisions), dtype=str)
    removed = set(revisions.loc[revisions["kind"] == "removal", "datetime"])
    played = history[pd.to_datetime(history["datetime"]) < pd.Timestamp(demo.replay.end)]
    expected = {row["datetime"]: row for row in played.to_dict("records") if row["datetime"] not in removed}
    assert len(removed) == 3
    assert play(planned, "datetime") == expected


def test_the_demo_has_one_first_upload_and_one_update_a_day_in_order(planned: list[PlannedUpdate]) -> None:
    assert len(planned) == 1 + 56
    assert planned[0].reason == "first upload"
    names = [update.name for update in planned[1:]]
    assert names == sorted(names)
    assert len({update.name for update in planned}) == len(planned)


def test_what_was_corrected_later_is_first_delivered_otherwise(planned: list[PlannedUpdate]) -> None:
    by_name = {update.name.removeprefix("interstate_traffic-")[:10]: rows_of(update) for update in planned}

    def cell(day: str, stamp: str) -> dict[str, str]:
        return next(row for row in by_name[day] if row["datetime"] == stamp)

    assert float(cell("2017-10-11", "2017-10-11 07:00:00")["traffic_volume"]) == 6180
    assert float(cell("2017-10-13", "2017-10-11 07:00:00")["traffic_volume"]) == 6508
    assert cell("2017-10-13", "2017-10-11 07:00:00")["_operation"] == "upsert"
    assert float(cell("2017-11-08", "2017-11-08 02:00:00")["traffic_volume"]) == 390
    assert cell("2017-11-10", "2017-11-08 02:00:00")["_operation"] == "remove"
    assert "_operation" not in by_name["2017-10-12"][0]


def test_an_update_holds_nothing_from_after_its_step(planned: list[PlannedUpdate], demo: UseCase) -> None:
    assert demo.replay is not None
    ends = [pd.Timestamp(demo.replay.start) + pd.Timedelta(days=number) for number in range(len(planned))]
    for update, end in zip(planned, ends, strict=True):
        assert max(pd.Timestamp(row["datetime"]) for row in rows_of(update)) < end


def test_planning_twice_gives_the_same_bytes(demo: UseCase, planned: list[PlannedUpdate]) -> None:
    assert plan_replay(demo, folder=DEMO / demo.name) == planned


def with_replay(folder: Path, replay: str) -> UseCase:
    (folder / "a" / "x").mkdir(parents=True)
    make_counts("2024-01-01", 6).to_csv(folder / "history.csv", index=False, date_format="%Y-%m-%d %H:%M:%S")
    (folder / "a" / "defs.yaml").write_text(YAML.format(name="counts") + f"  replay: {replay}\n")
    return load_use_cases(folder)["counts"]


def test_steps_may_be_shorter_than_a_day(tmp_path: Path) -> None:
    use_case = with_replay(tmp_path, "{history: history.csv, start: 2024-01-03, end: 2024-01-05, step: 6h}")
    planned = plan_replay(use_case, folder=tmp_path)
    assert [len(rows_of(update)) for update in planned] == [48, *[6] * 8]


def test_a_history_without_revisions_is_only_cut(tmp_path: Path) -> None:
    use_case = with_replay(tmp_path, "{history: history.csv, start: 2024-01-03, end: 2024-01-05}")
    planned = plan_replay(use_case, folder=tmp_path)
    assert [update.reason for update in planned[1:]] == ["update of 2024-01-03 00:00", "update of 2024-01-04 00:00"]
    assert len(play(planned, "at")) == 96


def test_a_use_case_without_a_recorded_history_says_so(tmp_path: Path) -> None:
    use_case = with_replay(tmp_path, "null")
    with pytest.raises(CallerError, match="counts has no `replay`"):
        plan_replay(use_case, folder=tmp_path)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    use_case = with_replay(tmp_path, "{history: nowhere.csv, start: 2024-01-03, end: 2024-01-05}")
    with pytest.raises(CallerError, match=r"found no file .*nowhere\.csv"):
        plan_replay(use_case, folder=tmp_path)


@pytest.mark.parametrize(
    ("revisions", "missing"),
    [(REVISED, "kind"), (REVISED.drop(columns="corrected_on").assign(kind="correction"), "corrected_on")],
)
def test_revisions_without_their_columns_are_refused(tmp_path: Path, revisions: pd.DataFrame, missing: str) -> None:
    replay = "{history: history.csv, start: 2024-01-03, end: 2024-01-05, revisions: revisions.csv}"
    use_case = with_replay(tmp_path, replay)
    revisions.to_csv(tmp_path / "revisions.csv", index=False)
    with pytest.raises(CallerError, match=missing):
        plan_replay(use_case, folder=tmp_path)


def test_a_kind_of_revision_that_is_none_is_refused(tmp_path: Path) -> None:
    replay = "{history: history.csv, start: 2024-01-03, end: 2024-01-07, revisions: revisions.csv}"
    use_case = with_replay(tmp_path, replay)
    REVISED.assign(kind="guess").to_csv(tmp_path / "revisions.csv", index=False)
    with pytest.raises(CallerError, match="guess"):
        plan_replay(use_case, folder=tmp_path)
