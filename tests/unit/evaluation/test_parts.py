"""A corpus searched in parts by several processes: one result, whoever did what."""

import threading

import numpy as np
import pytest

from wrank.evaluation import parts as module
from wrank.evaluation.parts import SearchJob, help_search, search_parts
from wrank.evaluation.ranking import Ties
from wrank.evaluation.search import LeftOut, top_keys
from wrank.evaluation.vectors import InMemory

RANDOM = np.random.default_rng(0)
PASSAGES = InMemory(np.tile(RANDOM.normal(size=(5000, 8)).astype(np.float32), (4, 1)))
QUERIES = RANDOM.normal(size=(5, 8)).astype(np.float32)
TIES = Ties.of_order(RANDOM.permutation(20_000).astype(np.int32))
GONE = LeftOut(np.array([[0, 1], [3, 19_999]]))


@pytest.fixture
def job(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "PART_ROWS", 4096)
    (tmp_path / "work").mkdir()
    return SearchJob(PASSAGES, TIES, GONE, 30, 4096, tmp_path / "work", tmp_path, "name", "measures.json")


def test_parts_give_the_keys_of_one_search(job):
    told = []
    keys = search_parts(job, QUERIES, "cpu", told.append)
    assert keys.tobytes() == top_keys(QUERIES, PASSAGES, TIES, k=30, left_out=GONE).tobytes()
    assert sum(told) == 20_000
    assert not list(job.locks.glob("*.lock"))


def test_a_helper_takes_parts_and_the_result_is_the_same(job, monkeypatch):
    searched = {"main": 0, "helper": 0}
    first = threading.Barrier(2)
    waited = set()

    def counted(*arguments, **settings):
        name = "helper" if threading.current_thread().name == "helper" else "main"
        if name not in waited:
            waited.add(name)
            first.wait(10)
        searched[name] += 1
        return top_keys(*arguments, **settings)

    monkeypatch.setattr(module, "top_keys", counted)
    helper = threading.Thread(target=help_search, args=(job, "cpu", 1, 2, lambda: True), name="helper")
    helper.start()
    keys = search_parts(job, QUERIES, "cpu", lambda count: None, 0, 2)
    helper.join(10)
    assert keys.tobytes() == top_keys(QUERIES, PASSAGES, TIES, k=30, left_out=GONE).tobytes()
    assert sum(searched.values()) == 5
    assert min(searched.values()) > 0


def test_a_helper_ends_when_the_other_process_has_died_before_its_queries(job):
    help_search(job, "cpu", 1, 2, lambda: False)


def test_a_helper_ends_when_all_is_complete(job):
    job.folder.rmdir()
    help_search(job, "cpu", 1, 2, lambda: True)


def test_a_helper_makes_no_part_again_when_their_files_are_being_removed(job):
    """Between the removal of hidden files and the renaming of the folder."""
    np.save(job.folder / ".queries.npy", QUERIES)
    (job.folder / "measures.json").write_text("{}")
    help_search(job, "cpu", 1, 2, lambda: True)
    assert not list(job.folder.glob(".top-*"))


def test_a_small_corpus_is_one_part(tmp_path):
    job = SearchJob(PASSAGES, TIES, GONE, 3, 4096, tmp_path, tmp_path, "name", "measures.json")
    assert job.pieces.count == 1
