import pytest
import torch

from wrank.data.collate import collate, in_batch_masks
from wrank.data.text_hash import text_key
from wrank.errors import WrankError
from wrank.records import RankedList


def ranked(query_id, texts, grades=None, weight=1.0):
    ids = [f"{query_id}-{n}" for n in range(len(texts))]
    grades = grades or [1.0] + [0.0] * (len(texts) - 1)
    return RankedList(query_id, f"about {query_id}", ids, list(texts), grades, ["judged"] * len(texts), weight)


def masks(lists, known=None, **where):
    """Masks of a batch of letters."""
    batch = collate([ranked(f"q{n}", texts) for n, texts in enumerate(lists)], lambda id: [])
    rows = [[text_key(text) for text in texts] for texts in (known or [""] * len(lists))]
    width = max(map(len, rows))
    known_BJ = torch.tensor([row + [-1] * (width - len(row)) for row in rows], dtype=torch.int64).view(
        len(lists), width
    )
    own, valid, counts = in_batch_masks(batch.keys_BK, batch.mask_BK, known_BJ, **where)
    return own.int().tolist(), valid.int().tolist(), {reason: int(count) for reason, count in counts.items()}


def test_lists_are_padded_to_the_longest():
    batch = collate([ranked("a", "xyz", [3, 1, 0]), ranked("b", "u", [2], 0.5)], {"a": [5, 6], "b": []}.get)
    assert batch.query_ids == ["a", "b"]
    assert batch.queries == ["about a", "about b"]
    assert batch.passages == [["x", "y", "z"], ["u", "", ""]]
    assert batch.passage_ids == [["a-0", "a-1", "a-2"], ["b-0", "", ""]]
    assert batch.grades_BK.tolist() == [[3, 1, 0], [2, 0, 0]]
    assert batch.mask_BK.tolist() == [[True, True, True], [True, False, False]]
    assert batch.keys_BK.tolist() == [[text_key("x"), text_key("y"), text_key("z")], [text_key("u"), -1, -1]]
    assert batch.known_BJ.tolist() == [[5, 6], [-1, -1]]
    assert batch.weight_B.tolist() == [1.0, 0.5]
    types = (batch.grades_BK.dtype, batch.mask_BK.dtype, batch.keys_BK.dtype, batch.known_BJ.dtype)
    assert types == (torch.float32, torch.bool, torch.int64, torch.int64)


def test_no_known_passage_at_all_is_no_column():
    assert collate([ranked("a", "x")], lambda id: []).known_BJ.shape == (1, 0)


def test_an_empty_list_is_refused():
    for lists in ([], [ranked("a", "")]):
        with pytest.raises(WrankError, match="at least one"):
            collate(lists, lambda id: [])


def test_a_batch_moves_whole():
    batch = collate([ranked("a", "xy")], lambda id: [1]).to("meta")
    assert {t.device.type for t in (batch.grades_BK, batch.mask_BK, batch.keys_BK, batch.known_BJ, batch.weight_B)} == {
        "meta"
    }
    assert batch.queries == ["about a"]


def test_different_texts_are_all_valid():
    own, valid, counts = masks(["ab", "cd"])
    assert own == [[1, 1, 0, 0], [0, 0, 1, 1]]
    assert valid == [[1, 1, 1, 1], [1, 1, 1, 1]]
    assert counts == {"padding": 0, "own_text": 0, "known": 0, "repeat": 0}


def test_padding_takes_no_part_and_is_still_the_querys_own():
    own, valid, counts = masks(["ab", "c"])
    assert own == [[1, 1, 0, 0], [0, 0, 1, 1]]
    assert valid == [[1, 1, 1, 0], [1, 1, 1, 0]]
    assert counts == {"padding": 2, "own_text": 0, "known": 0, "repeat": 0}


def test_another_querys_copy_of_an_own_passage_is_no_negative():
    _, valid, counts = masks(["ab", "ca"])
    assert valid == [[1, 1, 1, 0], [0, 1, 1, 1]]
    assert counts == {"padding": 0, "own_text": 2, "known": 0, "repeat": 0}


def test_known_positives_and_excluded_passages_are_no_negatives():
    _, valid, counts = masks(["ab", "cd"], known=["d", ""])
    assert valid == [[1, 1, 1, 0], [1, 1, 1, 1]]
    assert counts == {"padding": 0, "own_text": 0, "known": 1, "repeat": 0}


def test_a_known_passage_in_the_own_list_stays():
    _, valid, _ = masks(["ab", "cd"], known=["ab", "c"])
    assert valid == [[1, 1, 1, 1], [1, 1, 1, 1]]


def test_a_text_of_two_other_queries_counts_once():
    _, valid, counts = masks(["ab", "xc", "xd"])
    assert sorted((valid[0][2], valid[0][4])) == [0, 1]
    assert (valid[1][2], valid[1][4]) == (1, 0)
    assert (valid[2][2], valid[2][4]) == (0, 1)
    assert counts == {"padding": 0, "own_text": 2, "known": 0, "repeat": 1}


def test_all_rows_without_the_text_keep_the_same_column():
    """ws2's columns must mean the same to each row."""
    _, valid, _ = masks(["ab", "xc", "xd", "ef", "xg", "hi"])
    assert valid[0] == valid[3] == valid[5]
    assert valid[0][2] + valid[0][4] + valid[0][8] == 1


def test_the_order_of_the_batch_decides_nothing():
    """Permuted lists and passages give the permuted mask, down to which copy of a repeated text stays."""
    torch.manual_seed(0)
    for _ in range(50):
        B, K = 6, 4
        lists = [torch.randperm(9)[:K] for _ in range(B)]
        keys_BK = torch.stack(lists)
        mask_BK = torch.rand(B, K) > 0.2
        keys_BK[~mask_BK] = -1
        known_BJ = torch.randint(-1, 9, (B, 2))
        own, valid, counts = in_batch_masks(keys_BK, mask_BK, known_BJ)
        order_B, order_K = torch.randperm(B), torch.randperm(K)
        columns = (order_B[:, None] * K + order_K).flatten()
        if len(set(keys_BK.masked_fill(~mask_BK, -1).sum(1).tolist())) < B:
            continue  # equal signatures: the copies are told apart by their place
        permuted = in_batch_masks(keys_BK[order_B][:, order_K], mask_BK[order_B][:, order_K], known_BJ[order_B])
        assert torch.equal(permuted[0], own[order_B][:, columns])
        assert torch.equal(permuted[1], valid[order_B][:, columns])
        assert permuted[2] == counts


def test_masks_agree_with_the_rule_written_as_a_loop():
    torch.manual_seed(1)
    for _ in range(50):
        B, K = int(torch.randint(1, 6, ())), int(torch.randint(1, 5, ()))
        keys_BK = torch.stack([torch.randperm(12)[:K] for _ in range(B)])
        mask_BK = torch.rand(B, K) > 0.3
        known_BJ = torch.randint(-1, 12, (B, int(torch.randint(0, 4, ()))))
        _, valid_BN, _ = in_batch_masks(keys_BK, mask_BK, known_BJ)
        for b in range(B):
            left_out = {int(k) for k, real in zip(keys_BK[b], mask_BK[b], strict=True) if real}
            left_out |= set(known_BJ[b].tolist())
            others = {int(keys_BK[i, k]) for i in range(B) for k in range(K) if i != b and mask_BK[i, k]} - left_out
            valid = valid_BN[b].view(B, K)
            assert torch.equal(valid[b], mask_BK[b])
            seen = [int(keys_BK[i, k]) for i in range(B) for k in range(K) if i != b and valid[i, k]]
            assert sorted(seen) == sorted(others)


def test_a_ranks_rows_are_rows_of_the_joined_batch():
    torch.manual_seed(2)
    B, K = 8, 3
    keys_BK = torch.stack([torch.randperm(15)[:K] for _ in range(B)])
    mask_BK = torch.rand(B, K) > 0.2
    known_BJ = torch.randint(-1, 15, (B, 2))
    own, valid, counts = in_batch_masks(keys_BK, mask_BK, known_BJ)
    parts = [
        in_batch_masks(
            keys_BK[rows], mask_BK[rows], known_BJ[rows], keys_BK.flatten(), mask_BK.flatten(), rows.start * K
        )
        for rows in (slice(0, 4), slice(4, 8))
    ]
    assert torch.equal(torch.cat([part[0] for part in parts]), own)
    assert torch.equal(torch.cat([part[1] for part in parts]), valid)
    assert all(parts[0][2][reason] + parts[1][2][reason] == counts[reason] for reason in counts)


def test_columns_that_do_not_fit_are_refused():
    keys_BK, mask_BK, known_BJ = torch.zeros(2, 3).long(), torch.ones(2, 3).bool(), torch.zeros(2, 0).long()
    for columns, offset in ((7, 0), (6, 3)):
        with pytest.raises(ValueError, match="columns do not hold 2 lists of 3"):
            in_batch_masks(keys_BK, mask_BK, known_BJ, torch.zeros(columns).long(), torch.ones(columns).bool(), offset)


def test_preferences_and_paraphrases_are_put_side_by_side():
    first, second, third = ranked("a", "xyz"), ranked("b", "uv"), ranked("c", "w")
    first.pairs, third.pairs = [(0, 2, 0.75), (1, 0, 0.5)], [(0, 0, 0.25)]
    second.paraphrases, third.paraphrases = ["b one", "b two"], ["c one"]
    batch = collate([first, second, third], lambda id: []).to("cpu")
    assert batch.pairs_P3.tolist() == [[0, 0, 2], [0, 1, 0], [2, 0, 0]]
    assert batch.pair_p_P.tolist() == [0.75, 0.5, 0.25]
    assert batch.paraphrases == [["", ""], ["b one", "b two"], ["c one", ""]]
    assert batch.paraphrase_mask_BM.tolist() == [[False, False], [True, True], [True, False]]
    assert second.paraphrases == ["b one", "b two"]


def test_a_batch_without_any_has_none():
    batch = collate([ranked("a", "xy")], lambda id: [])
    assert (batch.pairs_P3, batch.pair_p_P, batch.paraphrases, batch.paraphrase_mask_BM) == (None,) * 4
    assert all(value.is_meta for value in vars(batch.to("meta")).values() if isinstance(value, torch.Tensor))
