"""Many processes on one store make one chain, and whoever reads meanwhile reads what was committed."""

from crowd import gather
from loopcast.store.lake import ObjectLake
from store_examples import FIRST, SECOND, send, store_over


def test_writers_a_reader_and_a_verification_at_the_same_time(tmp_path):
    outcome = gather(tmp_path, writers=3, patches=5, readers=1, checkers=1)
    assert outcome.errors == ()
    assert (outcome.versions, outcome.is_one_chain, outcome.damages) == (15, True, 0)
    assert outcome.reads > 0
    assert outcome.checks > 0
    assert (outcome.wrong_reads, outcome.false_alarms) == (0, 0)


def test_a_version_made_while_somebody_counts_the_claims_is_no_damage():
    lake = ObjectLake.in_memory()
    send(store_over(lake), FIRST)

    class Busy:
        """A lake in which somebody else makes the next version between two looks."""

        def __getattr__(self, name):
            return getattr(lake, name)

        def exists(self, path):
            is_there = lake.exists(path)
            if path.endswith("claims/v00000002.json") and not is_there:
                send(store_over(lake), SECOND)
            return is_there

    versions = store_over(Busy()).versions
    assert versions.claims() == ["v00000001"]
    assert versions.claims() == ["v00000001", "v00000002"]
