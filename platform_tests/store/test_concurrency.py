"""Many processes on one store make one chain, and whoever reads meanwhile reads what was committed."""

from crowd import gather


def test_writers_and_a_reader_at_the_same_time(tmp_path):
    outcome = gather(tmp_path, writers=3, patches=5, readers=1)
    assert outcome.errors == ()
    assert (outcome.versions, outcome.is_one_chain, outcome.damages) == (15, True, 0)
    assert outcome.reads > 0
    assert outcome.wrong_reads == 0
