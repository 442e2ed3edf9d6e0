"""--watch-config: whatever way the file changes, once; and nothing else that happens in its folder."""

import json

from .lib import eventually, merge, service

WATCHED = {"watch_config": True}


def with_more(s, upstream):
    return json.dumps(merge(json.loads(s.settings), {"services": {"more": service(upstream)}}))


def has_more(s):
    return s.get("/more/").status == 200


def test_a_link_that_turns_as_a_mounted_config_map_does(sidecar, upstream):
    s = sidecar(WATCHED, wait=False, users=upstream())
    s.process.kill()
    s.process.wait()
    for name, text in ("..1", s.settings), ("..2", with_more(s, upstream())):
        (s.folder / name).mkdir()
        (s.folder / name / "csidecar.yaml").write_text(text)
    s.config.unlink()
    (s.folder / "..data").symlink_to("..1")
    s.config.symlink_to("..data/csidecar.yaml")
    s.start()
    (s.folder / "..tmp").symlink_to("..2")
    (s.folder / "..tmp").rename(s.folder / "..data")
    eventually(lambda: has_more(s), "the new service")


def test_half_a_file_changes_nothing_and_the_rest_does(sidecar, upstream):
    s = sidecar(WATCHED, users=upstream())
    more = with_more(s, upstream())
    s.config.write_text(more[: len(more) // 2])
    s.wait_for_log("reload.failed")
    assert s.get("/users/").status == 200
    with open(s.config, "a") as file:
        file.write(more[len(more) // 2 :])
    eventually(lambda: has_more(s), "the new service")


def test_a_file_that_goes_and_comes_back(sidecar, upstream):
    s = sidecar(WATCHED, users=upstream())
    more = with_more(s, upstream())
    s.config.unlink()
    assert s.get("/users/").status == 200
    s.config.write_text(more)
    eventually(lambda: has_more(s), "the new service")


def test_a_busy_folder_neither_causes_nor_hinders_it(sidecar, upstream):
    """Nothing but the log, which is in the same folder and grows with each call."""
    s = sidecar(WATCHED, users=upstream())
    for _ in range(200):
        assert s.get("/users/").status == 200
    s.config.write_text(with_more(s, upstream()))

    def seen():
        s.get("/users/")
        return has_more(s)

    eventually(seen, "the new service")
    assert s.log().count("reload.done") == 1
