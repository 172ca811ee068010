"""Zoos as files: out of one use case with their state, into another by its gate, and never when they were changed."""

import json
from pathlib import Path

import pandas as pd
import pytest

from loopcast.errors import CallerError, DamageError, NotFoundError
from loopcast.loop.judging.reflect import reflect
from loopcast.loop.production import forecast_version
from loopcast.loop.project import Project
from loopcast.loop.zoos.experiment import LEADERBOARDS, release_zoo, run_experiment
from loopcast.loop.zoos.forces import FORECASTS, list_in_force
from loopcast.loop.zoos.sheet import describe_zoo
from loopcast.loop.zoos.zoo_files import export_zoo, import_zoo
from loopcast.store.verify import verify
from made_use_case import NOW, PANEL_YAML, YAML, make_counts, make_project, send

OTHER = YAML.format(name="pieces").replace("name: count,", "name: parts,").replace("name: promotion", "name: campaign")
NAMES = {"count": "parts", "promotion": "campaign"}


@pytest.fixture
def other(tmp_path: Path) -> Project:
    """A use case with the same kind of data under other names, and one version."""
    project = make_project(tmp_path / "other", yaml=OTHER, name="pieces")
    version = send(project, make_counts("2024-01-01", 58, seed=9).rename(columns=NAMES))
    project.store.versions.settle(version, now=NOW)
    return project


def bring(project: Project, exported: tuple[bytes, bytes], names: dict[str, str] = NAMES):
    return import_zoo(project, *exported, names=names, actor="eve", now=NOW)


def test_an_imported_zoo_goes_into_force_by_the_gate_and_its_way_is_kept(played: Project, other: Project) -> None:
    request = bring(other, export_zoo(played, None, actor="ada", now=NOW))
    assert (request.rule, request.version) == ("import", "v00000001")
    assert "z0001 of counts, exported by ada" in request.reason
    assert request.reason.endswith("imported by eve, count as parts, promotion as campaign")
    made = run_experiment(other, request.build, now=NOW)
    assert made.gate.passed
    assert {"combination", "linear", "seasonal_naive_24"} <= set(made.leaderboard["member"])
    assert made.zoo is not None
    release_zoo(other, made.zoo.zoo, now=NOW)
    manifest = other.store.outputs.manifest(LEADERBOARDS, request.build)
    assert manifest is not None
    assert manifest.pins["zoo_digest"] == request.imported == list_in_force(other)[-1].digest
    forecast = forecast_version(other, "v00000001", now=NOW)
    assert forecast is not None
    assert forecast.prediction.situations_unmet == ()
    assert verify(other.store).damages == ()
    assert {"parts", "campaign"} >= set(
        describe_zoo(other, None, ahead=1, most_terms=5).tables["minimal_history"]["variable"]
    )


def test_under_the_same_names_it_forecasts_to_the_last_bit_what_it_would_have_at_home(
    played: Project, tmp_path: Path
) -> None:
    twin = make_project(tmp_path / "twin", yaml=YAML.format(name="twin"), name="twin")
    rows = played.store.versions.read("v00000003")
    version = send(twin, rows)
    twin.store.versions.settle(version, now=NOW)
    request = bring(twin, export_zoo(played, "z0001", actor="ada", now=NOW), {})
    made = run_experiment(twin, request.build, now=NOW)
    assert made.zoo is not None
    release_zoo(twin, made.zoo.zoo, now=NOW)
    forecast = forecast_version(twin, version, now=NOW)
    known = played.store.outputs.manifest(FORECASTS, "v00000003")
    assert forecast is not None
    assert known is not None
    assert forecast.manifest.digest == known.digest
    assert forecast.manifest.pins["state_digest"] is None  # it came with its state, and nothing is new


def test_what_does_not_fit_is_refused_in_words(played: Project, other: Project, tmp_path: Path) -> None:
    exported = export_zoo(played, None, actor="ada", now=NOW)
    with pytest.raises(CallerError, match=r"target count, expected parts; the predictor promotion, .*--map OLD=NEW"):
        bring(other, exported, {})
    shops = make_project(tmp_path / "shops", yaml=PANEL_YAML, name="shops")
    with pytest.raises(CallerError, match="no version yet"):
        bring(shops, exported)
    with pytest.raises(NotFoundError, match="z0009"):
        export_zoo(played, "z0009", actor="ada", now=NOW)


def test_a_file_that_was_changed_is_refused(played: Project, other: Project) -> None:
    content, arrays = export_zoo(played, None, actor="ada", now=NOW)
    record = json.loads(content)
    record["document"]["training_end"] = "1999-01-01"
    for changed in (json.dumps(record).encode(), content[:-9], b"[]", b'{"format": "other"}'):
        with pytest.raises(DamageError):
            bring(other, (changed, arrays))
    assert arrays
    for changed in (b"", arrays[:-1], arrays[:50] + b"x" + arrays[51:]):
        with pytest.raises(DamageError, match="npz"):
            bring(other, (content, changed))


def test_an_import_is_not_taken_for_the_build_that_reflection_asks_for(played: Project, other: Project) -> None:
    imported = bring(other, export_zoo(played, None, actor="ada", now=NOW))
    opened = reflect(other, now=NOW).build
    assert opened is None or opened.build != imported.build


def test_a_sheet_tells_what_the_zoo_is_and_has_learned(played: Project) -> None:
    sheet = describe_zoo(played, None, ahead=24, most_terms=3)
    assert sheet.facts["learned_until"] == "2024-02-27T23:00:00"
    assert 0 < sheet.facts["difficulty"] < 100
    assert len(sheet.tables["terms_24_ahead_from_23:00"]) == 3
    assert sheet.tables["members"]["takes_part"].any()
    assert isinstance(sheet.tables["models"], pd.DataFrame)
    assert len(sheet.tables["models"]) == 24
