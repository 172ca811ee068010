import threading

import pytest

from loopcast.errors import CallerError
from loopcast.store.lake import LocalLake, ObjectLake
from loopcast.store.refs import References
from store_examples import NOW


@pytest.fixture(params=["local", "memory"])
def references(request, tmp_path):
    return References(LocalLake(tmp_path) if request.param == "local" else ObjectLake.in_memory(), folder="demo")


def test_the_newest_value_counts_and_all_are_remembered(references):
    assert references.current("zoo") is None
    first = references.append("zoo", {"digest": "a"}, now=NOW)
    second = references.append("zoo", {"digest": "b"}, now=NOW)
    assert references.current("zoo") == second
    assert references.history("zoo") == [first, second]
    assert [reference.number for reference in references.history("zoo")] == [1, 2]
    assert references.history("zoo", last=1) == [second]
    assert references.current("zo") is None


def test_appending_at_the_same_time_loses_nothing(references):
    def append(worker):
        for at in range(5):
            references.append("zoo", {"worker": worker, "at": at}, now=NOW)

    workers = [threading.Thread(target=append, args=(worker,)) for worker in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    history = references.history("zoo")
    assert [reference.number for reference in history] == list(range(1, 16))
    assert len({(item.value["worker"], item.value["at"]) for item in history}) == 15


@pytest.mark.parametrize("name", ["", "../x", "a/b", ".x"])
def test_a_name_that_is_a_path_is_refused(references, name):
    with pytest.raises(CallerError):
        references.append(name, {}, now=NOW)


def test_one_value_is_found_by_its_number_and_all_are_walked_back_from_the_newest(references):
    entries = [references.append("zoo", {"at": at}, now=NOW) for at in range(4)]
    assert [references.find("zoo", number) for number in range(6)] == [None, *entries, None]
    assert list(references.walk_back("zoo")) == entries[::-1]
    assert references.history("zoo", last=9) == entries
    assert references.history("zoo", last=0) == []


def test_another_handle_sees_what_came_after_it_first_looked(tmp_path):
    one, other = (References(LocalLake(tmp_path), folder="demo") for _ in range(2))
    for at in range(5):
        one.append("zoo", {"at": at}, now=NOW)
        assert other.current("zoo").value == {"at": at}
