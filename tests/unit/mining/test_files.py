"""Rankings kept a chunk at a time: a killed run goes on with the next one."""

import numpy as np
import pytest

from wrank.errors import WrankError
from wrank.mining.base import Miner, Ranking
from wrank.mining.files import RankingFiles, rank_all


class CountingMiner(Miner):
    """Ranks passages 0 .. query row; stops when told to."""

    name = "counting"

    def __init__(self, chunk, dies_at=None):
        super().__init__(chunk)
        self.ranked, self.dies_at = [], dies_at

    def identity(self):
        return {}

    def open(self, collection, tools):
        pass

    def rank(self, collection, query_rows, depth):
        for row in query_rows.tolist():
            if row == self.dies_at:
                raise KeyboardInterrupt
            self.ranked.append(row)
            yield Ranking(row, np.arange(row), np.linspace(1, 0, row, dtype=np.float32))

    def score_pairs(self, collection, query_rows, passage_rows):
        return (100 * query_rows + passage_rows).astype(np.float32)


@pytest.fixture
def collection(make_collection):
    passages = {f"d{row}": f"text {row}" for row in range(9)}
    qrels = {f"q{row}": {f"d{row}": 1, "d8": 2, "d7": 0} for row in range(7)}
    return make_collection(passages, {f"q{row}": "x" for row in range(7)}, qrels)


def rank(folder, collection, miner):
    files = RankingFiles(folder)
    told = []
    rank_all(miner, collection, np.arange(7), 5, files, drop_self=False, progress=told.append)
    return files, sum(told)


def content(files):
    return [
        (
            each.ranking.query_row,
            each.ranking.rows.tolist(),
            each.ranking.scores.tolist(),
            each.positive_scores.tolist(),
        )
        for each in files
    ]


@pytest.mark.parametrize("chunk", [1, 2, 3, 100])
def test_what_is_written_is_read_with_the_scores_of_positives(tmp_path, collection, chunk):
    files, told = rank(tmp_path, collection, CountingMiner(chunk))
    assert told == 7
    wanted = [
        (row, list(range(row)), np.linspace(1, 0, row, dtype=np.float32).tolist(), [101.0 * row, 100.0 * row + 8])
        for row in range(7)
    ]
    assert content(files) == content(RankingFiles(tmp_path)) == wanted


def test_killed_between_chunks_goes_on_with_the_next_whatever_its_size(tmp_path, collection):
    with pytest.raises(KeyboardInterrupt):
        rank(tmp_path, collection, CountingMiner(2, dies_at=5))
    assert RankingFiles(tmp_path).done == 4
    second = CountingMiner(3)
    files, told = rank(tmp_path, collection, second)
    assert second.ranked == [4, 5, 6]
    assert told == 3
    assert [each.ranking.query_row for each in files] == list(range(7))


def test_finished_files_are_byte_identical_when_made_again(tmp_path, collection):
    for name in ("one", "other"):
        (tmp_path / name).mkdir()
        rank(tmp_path / name, collection, CountingMiner(3))
    one, other = ({p.name: p.read_bytes() for p in (tmp_path / name).iterdir()} for name in ("one", "other"))
    assert one == other


@pytest.mark.parametrize("broken", [b"", b"not a file of arrays", b"PK\x05\x06" + bytes(18)])
def test_damaged_file_is_told_with_what_to_remove(tmp_path, broken):
    (tmp_path / "rankings-000000000.npz").write_bytes(broken)
    with pytest.raises(WrankError, match=r"rankings-000000000\.npz.*remove"):
        RankingFiles(tmp_path)
