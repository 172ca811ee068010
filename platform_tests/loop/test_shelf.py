"""What a run has read is read once."""

from pathlib import Path

from loopcast.loop.shelf import Shelf
from loopcast.loop.zoos.forces import FORECASTS
from loopcast.loop.zoos.states import STATES, restore
from loopcast.orchestration.resources import ProjectResource
from made_use_case import make_counts, make_project, take_turn


def test_a_value_is_read_once_and_the_one_not_needed_for_longest_makes_room() -> None:
    shelf, read = Shelf(2), list[str]()

    def fetch(name: str) -> str:
        return shelf.fetch(name, lambda: read.append(name) or name)

    assert [fetch(name) for name in ("a", "b", "a", "c", "a", "b")] == ["a", "b", "a", "c", "a", "b"]
    assert read == ["a", "b", "c", "b"]


def test_without_a_size_nothing_is_kept() -> None:
    shelf, read = Shelf(0), list[int]()
    for _ in range(2):
        shelf.fetch("a", lambda: read.append(1))
    assert read == [1, 1]


def test_a_run_s_assets_share_a_project_and_its_zoos_and_another_run_does_not(tmp_path: Path) -> None:
    project = make_project(tmp_path)
    take_turn(project, make_counts("2024-01-01", 42))
    version = take_turn(project, make_counts("2024-02-12", 1))
    resource = ProjectResource.of(project.use_case, settings=project.settings)
    opened, manifest = resource.open(), project.store.outputs.manifest(FORECASTS, version)
    assert manifest is not None
    assert resource.open() is opened
    assert restore(opened, manifest) is restore(opened, manifest)
    assert restore(project, manifest) is not restore(project, manifest), "whoever lives on sees what was erased"
    project.store.outputs.delete_document(STATES, str(manifest.pins["state_digest"]))
    again = ProjectResource.of(project.use_case, settings=project.settings).open()
    assert again is not opened
    assert not again.store.outputs.has_document(STATES, str(manifest.pins["state_digest"]))
