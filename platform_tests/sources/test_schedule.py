"""When a source is asked again: steadily while it answers, ever more rarely while it does not."""

from datetime import timedelta

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from loopcast.sources.schedule import Health, after_failure, after_success, dump_health, load_health, polling_interval
from loopcast.use_case.sources import FilesSource
from made_use_case import NOW

RNG = np.random.default_rng(1)


def source(**options: object) -> FilesSource:
    return FilesSource.model_validate({"kind": "files", "url": "file:///data", **options})


def fail(times: int, *, retry_after_s: float | None = None) -> Health:
    health = Health()
    for _ in range(times):
        health = after_failure(health, "no answer", now=health.next_at or NOW, rng=RNG, retry_after_s=retry_after_s)
    return health


def wait_of(health: Health) -> float:
    assert health.next_at is not None
    assert health.polled_at is not None
    return (health.next_at - health.polled_at).total_seconds()


@given(st.integers(1, 60))
def test_the_wait_doubles_with_jitter_up_to_an_hour(failures: int) -> None:
    health = fail(failures)
    most = min(30.0 * 2 ** (failures - 1), 3600.0)
    assert most / 2 <= wait_of(health) <= most
    assert (health.failures, health.since) == (failures, NOW)


def test_many_sources_that_fail_together_do_not_come_back_together() -> None:
    assert len({wait_of(fail(3)) for _ in range(50)}) == 50


def test_a_server_is_left_alone_as_long_as_it_asks_but_never_for_more_than_an_hour() -> None:
    assert wait_of(fail(1, retry_after_s=600.0)) == 600.0
    assert wait_of(fail(1, retry_after_s=1e9)) == 3600.0


def test_an_answer_ends_all_of_it() -> None:
    back = after_success(NOW, interval=timedelta(minutes=5))
    assert back == Health(polled_at=NOW, next_at=NOW + timedelta(minutes=5))
    assert not back.is_due(NOW + timedelta(minutes=4))
    assert back.is_due(NOW + timedelta(minutes=5))
    assert Health().is_due(NOW)


def test_it_is_an_alert_after_as_many_failures_as_the_source_says() -> None:
    assert [fail(times).is_alarming(source()) for times in (2, 3)] == [False, True]
    assert fail(1).is_alarming(source(alert_after=1))


def test_the_interval_is_the_source_s_own_or_a_share_of_the_cadence() -> None:
    assert polling_interval(source(every="7min"), cadence="1D") == timedelta(minutes=7)
    found = [polling_interval(source(), cadence=cadence) for cadence in ("5min", "1h", "1D", "28D")]
    assert found == [timedelta(minutes=1), timedelta(minutes=2.5), timedelta(hours=1), timedelta(hours=1)]


def test_states_are_the_same_after_being_kept() -> None:
    states = {"a": Health(), "b": fail(2), "c": after_success(NOW, interval=timedelta(hours=1))}
    assert load_health(dump_health(states)) == states
    assert load_health(None) == {}
