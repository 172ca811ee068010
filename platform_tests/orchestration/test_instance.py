"""What is told of an instance: whether a daemon looks after it."""

import time
from pathlib import Path

import pytest
from dagster._daemon.types import DaemonHeartbeat

from loopcast.orchestration.instance import is_daemon_running, open_instance
from made_use_case import make_home


@pytest.mark.parametrize(("age_s", "is_running"), [(5, True), (45, True), (90, False)])
def test_a_daemon_counts_as_running_while_its_heart_beats(tmp_path: Path, age_s: float, is_running: bool) -> None:
    with open_instance(make_home(tmp_path)) as instance:
        assert not is_daemon_running(instance)
        for kind in instance.get_required_daemon_types():
            instance.add_daemon_heartbeat(DaemonHeartbeat(time.time() - age_s, kind, "one"))
        assert is_daemon_running(instance) == is_running
