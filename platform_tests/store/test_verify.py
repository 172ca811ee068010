from loopcast.store.lake import LocalLake, ObjectLake
from loopcast.store.verify import verify
from store_examples import BAD, FIRST, NOW, REMOVAL, SECOND, send, store_over


def fill(lake):
    store = store_over(lake)
    for text in (FIRST, SECOND, BAD, REMOVAL):
        send(store, text)
    store.outputs.write("forecast", "v00000001", store.versions.read("v00000001"), pins={"zoo": "a"}, now=NOW)
    store.outputs.write_document("zoos", {"weights": [0.5, 0.5]})
    store.references.append("zoo_in_force", {"digest": "a"}, now=NOW)
    return store


def test_a_whole_store_has_no_damage():
    store = fill(ObjectLake.in_memory())
    report = verify(store)
    assert report.damages == ()
    assert report.checked == len(store.lake.list("demo"))
    assert verify(store_over(ObjectLake.in_memory())).checked == 0


def test_a_record_rewritten_with_a_right_digest_breaks_the_chain(tmp_path):
    store, other = fill(LocalLake(tmp_path / "a")), store_over(LocalLake(tmp_path / "b"))
    send(other, FIRST.replace("3,w", "4,w"))
    record = "demo/versions/v00000001.json"
    (tmp_path / "a" / record).write_bytes((tmp_path / "b" / record).read_bytes())
    assert any("chain is broken" in damage.problem for damage in verify(store).damages)


def test_a_state_that_does_not_read_back_as_recorded_is_found():
    store = fill(ObjectLake.in_memory())
    forged = ObjectLake.in_memory()
    for path in store.lake.list("demo"):
        forged.put_if_absent(path, store.lake.get(path))
    other = store_over(forged)
    newest = store.versions.newest()
    content = {**newest.to_dict(), "version": "v00000005", "state_digest": "0" * 64, "previous_digest": newest.digest}
    from loopcast.store.records import put_record

    put_record(forged, "demo/versions/v00000005.json", content)
    put_record(forged, "demo/claims/v00000005.json", {**store.versions.claim_of("v00000004").to_dict()})
    assert any("reads back" in damage.problem for damage in verify(other).damages)


def test_a_file_that_does_not_belong_here_is_named(tmp_path):
    store = fill(LocalLake(tmp_path))
    (tmp_path / "demo" / "notes.txt").write_text("hello")
    assert [damage.file for damage in verify(store).damages] == ["demo/notes.txt"]
