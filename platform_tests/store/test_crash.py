"""Whenever a writer is killed: nothing acknowledged is lost, nothing half-written is visible."""

from crash_sweep import sweep


def test_a_writer_killed_at_any_moment_has_lost_nothing_it_acknowledged(tmp_path):
    toll = sweep(tmp_path, kills=5, seed=0, verify_each=5)
    assert (toll.kills, toll.lost, toll.partial, toll.unreadable) == (5, 0, 0, 0)
    assert toll.acknowledged > 5
