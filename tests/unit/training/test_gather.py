"""The gradient of k ranks is the gradient of one process with the joined batch."""

import pytest
import torch
import torch.distributed as dist
import torch.multiprocessing as mp

from wrank.data.collate import in_batch_masks
from wrank.loss.infonce import InfoNCE
from wrank.loss.kl import KL
from wrank.loss.ws2 import WS2
from wrank.training.gather import gather_rows, is_distributed, widen

LOSSES = {"infonce": InfoNCE, "kl": KL, "ws2": WS2}
B, K, D = 4, 3, 5


def joined_batch():
    generator = torch.Generator().manual_seed(3)
    inputs_QD = torch.randn(B, D, generator=generator, dtype=torch.float64)
    passages_ND = torch.randn(B * K, D, generator=generator, dtype=torch.float64)
    grades_BK = torch.tensor([[3.0, 1.0, 0.0], [2.0, 0.0, 0.0], [1.0, 3.0, 2.0], [0.0, 0.0, 3.0]], dtype=torch.float64)
    weights_DD = torch.eye(D, dtype=torch.float64) + 0.1 * torch.randn(D, D, generator=generator, dtype=torch.float64)
    return inputs_QD, passages_ND, grades_BK, weights_DD


def loss_of(loss, queries_BD, passages_ND, grades_BK):
    keys_BK = torch.arange(grades_BK.numel()).view_as(grades_BK).long()
    own_BN, valid_BN, _ = in_batch_masks(keys_BK, torch.ones_like(keys_BK, dtype=torch.bool), keys_BK[:, :0])
    grades_BN = grades_BK.new_zeros(own_BN.shape)
    grades_BN[own_BN] = grades_BK.flatten()
    return loss(queries_BD @ passages_ND.T, grades_BN, own_BN=own_BN, valid_BN=valid_BN).loss


def rank_gradient(rank, ranks, name, path):
    dist.init_process_group("gloo", init_method=f"file://{path}/rendezvous", rank=rank, world_size=ranks)
    queries, passages, grades, weights = joined_batch()
    weights.requires_grad_()
    mine = slice(rank * B // ranks, (rank + 1) * B // ranks)
    mine_n = slice(mine.start * K, mine.stop * K)
    queries_BD, passages_ND = queries[mine] @ weights, passages[mine_n] @ weights
    joined = (gather_rows(queries_BD), gather_rows(passages_ND), gather_rows(grades[mine]))
    loss_of(LOSSES[name](temperature=0.5), *joined).backward()
    dist.all_reduce(weights.grad)  # what DDP does: the mean over ranks
    torch.save(weights.grad / ranks, f"{path}/grad-{rank}.pt")
    dist.destroy_process_group()


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("ranks", [2, 4])
def test_gradient_of_ranks_is_that_of_one_process(name, ranks, tmp_path):
    queries, passages, grades, weights = joined_batch()
    weights.requires_grad_()
    loss_of(LOSSES[name](temperature=0.5), queries @ weights, passages @ weights, grades).backward()
    mp.start_processes(rank_gradient, (ranks, name, str(tmp_path)), nprocs=ranks, start_method="spawn")
    for rank in range(ranks):
        found = torch.load(tmp_path / f"grad-{rank}.pt", weights_only=True)
        torch.testing.assert_close(found, weights.grad, rtol=1e-9, atol=1e-12)


def widen_rank(rank, path):
    dist.init_process_group("gloo", init_method=f"file://{path}/rendezvous", rank=rank, world_size=2)
    rows = torch.full((2, rank + 1), rank)
    torch.save(gather_rows(widen(rows, -1)), f"{path}/rows-{rank}.pt")
    dist.destroy_process_group()


def test_ragged_rows_are_padded_to_the_widest_rank(tmp_path):
    mp.start_processes(widen_rank, (str(tmp_path),), nprocs=2, start_method="spawn")
    expected = [[0, -1], [0, -1], [1, 1], [1, 1]]
    for rank in range(2):
        assert torch.load(tmp_path / f"rows-{rank}.pt", weights_only=True).tolist() == expected


def test_one_process_gathers_itself():
    rows = torch.ones(2, 3)
    assert not is_distributed()
    assert gather_rows(rows) is rows
    assert widen(rows, 0) is rows
