"""A use case that has been through three turns, made once and copied for each test that changes it."""

import shutil
from pathlib import Path

import pytest

from loopcast.loop.project import Project
from made_challenge import make_lived
from made_use_case import make_counts, make_project, take_turn


@pytest.fixture(scope="session")
def played(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """Eight weeks and then two days: a zoo from the first version on, two reports. Not to be changed."""
    project = make_project(tmp_path_factory.mktemp("played"))
    take_turn(project, make_counts("2024-01-01", 56))
    take_turn(project, make_counts("2024-02-26", 1))
    take_turn(project, make_counts("2024-02-27", 1))
    return project


@pytest.fixture
def project(played: Project, tmp_path: Path) -> Project:
    """A copy of the played use case, free to be changed."""
    home = tmp_path / "home"
    shutil.copytree(played.inbox.parents[1], home)
    return make_project(home)


@pytest.fixture
def empty(tmp_path: Path) -> Project:
    """A use case without any version."""
    return make_project(tmp_path / "empty")


@pytest.fixture(scope="session")
def lived(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A use case that has lived with one zoo for ten versions. Not to be changed."""
    return make_lived(tmp_path_factory.mktemp("lived"))
