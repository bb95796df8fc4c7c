import subprocess
import sys

import pytest
import torch

from wrank.errors import WrankError
from wrank.evaluation.index.flat import FlatIndex
from wrank.evaluation.index.library import library, use_threads
from wrank.evaluation.vectors import InMemory

_BOTH = """
import numpy as np, torch
from pathlib import Path
from wrank.evaluation.index.flat import FlatIndex
from wrank.evaluation.ranking import Ties
from wrank.evaluation.search import search
from wrank.evaluation.vectors import InMemory
torch.set_num_threads(2)
rows = np.random.default_rng(0).normal(size=(30_000, 64)).astype(np.float32)
ids, folder = [str(row) for row in range(len(rows))], Path({folder!r})
FlatIndex().build(InMemory(rows), folder)
searcher = FlatIndex().open(folder)
for _ in range(3):  # the two libraries' threads take turns
    exact = search(rows[:200], InMemory(rows), ids[:200], ids, k=10)
    assert (searcher.search(rows[:200], 10)[1] == exact.rows_QK).all()
assert torch.get_num_threads() == 2
print("agreed")
"""


def test_a_missing_package_says_what_to_install(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "faiss", None)
    for ask in (library, FlatIndex().identity, lambda: FlatIndex().open(tmp_path)):
        with pytest.raises(WrankError, match=r"pip install 'wrank\[faiss\]'"):
            ask()


def test_nothing_of_faiss_is_loaded_before_it_is_asked_for():
    code = "import sys, wrank.evaluation.index.ivf as ivf; ivf.IvfIndex(); print('faiss' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


def test_faiss_takes_as_many_threads_as_torch(monkeypatch, tmp_path):
    monkeypatch.setattr(torch, "get_num_threads", lambda: 3)
    FlatIndex().build(InMemory(torch.ones(2, 2).numpy()), tmp_path)
    assert library().omp_get_max_threads() == 3
    use_threads(1)
    assert library().omp_get_max_threads() == 1


def test_torch_and_faiss_search_in_one_process_with_several_threads(tmp_path):
    command = [sys.executable, "-c", _BOTH.format(folder=str(tmp_path))]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert (done.stdout, done.returncode) == ("agreed\n", 0), done.stderr
