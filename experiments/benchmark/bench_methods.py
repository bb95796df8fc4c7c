"""What each loss costs a step: time and memory kept for the backward pass, at B=64 queries, K=8, N=512.

Run it with ``python -m experiments.benchmark.bench_methods``. Scores and labels are random, at the scale of cosines.
Where sentence-transformers has the loss, its own is timed on the same numbers: those of rerankers on own lists
(64 x 8), its in-batch contrastive loss from embeddings of 384 dimensions.
"""

import statistics
import time
from collections.abc import Callable, Mapping
from typing import Any

import torch
from hydra.utils import instantiate
from omegaconf import OmegaConf
from torch import Tensor, nn

from wrank.config import conf_folder
from wrank.loss.base import Loss
from wrank.loss.extra import Extra

B, K, D, M = 64, 8, 384, 2
N = B * K
ROUNDS, WARM_UP = 15, 3
OWN_LISTS = {"lce", "listnet", "listmle", "ranknet", "lambda_loss"}
"""Options that are timed a second time on own lists alone."""


def main() -> dict[str, Any]:
    """Measures, prints a table, and returns its numbers: median and quartile range in ms, MB kept."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    results: dict[str, Any] = {}
    print(f"forward + backward, B={B}, K={K}, N={N}, one CPU thread, {ROUNDS} rounds in turns")
    print(f"{'loss':<50} {'median ms':>10} {'quartiles apart':>16} {'MB kept':>8}")
    ways = {path.stem: _in_batch(path.stem) for path in sorted((conf_folder() / "loss").glob("*.yaml"))}
    _report(results, "in batch", ways)
    print("\non own lists (64 x 8), beside sentence-transformers")
    own = {name: _own_lists(name) for name in sorted(OWN_LISTS)}
    _report(results, "own lists", own | _peers() | {"infonce, from embeddings": _from_embeddings()})
    return results


def _report(results: dict[str, Any], what: str, ways: Mapping[str, Callable[[], Tensor]]) -> None:
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for round_number in range(WARM_UP + ROUNDS):
        for name, way in ways.items():  # in turns, so that a busy machine slows all of them alike
            start = time.perf_counter()
            way().backward()
            if round_number >= WARM_UP:
                seconds[name].append(time.perf_counter() - start)
    for name, way in ways.items():
        low, middle, high = (1e3 * value for value in statistics.quantiles(seconds[name], n=4))
        kept = _kept(way) / 1e6
        results[f"{what}: {name}"] = {"ms": middle, "quartiles_apart_ms": high - low, "kept_mb": kept}
        print(f"{name:<50} {middle:>10.2f} {high - low:>16.2f} {kept:>8.2f}")


def _kept(way: Callable[[], Tensor]) -> int:
    """Bytes of different tensors that a forward pass keeps for the backward pass."""
    sizes: dict[int, int] = {}

    def keep(tensor: Tensor) -> Tensor:
        sizes[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        loss = way()
    loss.backward()
    return sum(sizes.values())


def _loss(option: str) -> Loss:
    made: Loss = instantiate(OmegaConf.load(conf_folder() / "loss" / f"{option}.yaml"))
    return made


def _in_batch(option: str) -> Callable[[], Tensor]:
    loss = _loss(option)
    own_BN = torch.eye(B, dtype=torch.bool).repeat_interleave(K, 1)
    grades_BN = torch.where(own_BN, torch.randint(0, 4, (B, N)).float(), 0.0)
    scores_BN, valid_BN = torch.rand(B, N) * 2 - 1, torch.ones(B, N, dtype=torch.bool)
    extra = _extra(own_BN)

    def way() -> Tensor:
        scores = scores_BN.clone().requires_grad_()
        return loss(scores, grades_BN, own_BN=own_BN, valid_BN=valid_BN, extra=extra).loss

    return way


def _extra(own_BN: Tensor) -> Extra:
    rows_P = torch.arange(B).repeat_interleave(K - 1)
    first_P = rows_P * K + torch.arange(K - 1).repeat(B)
    return Extra(
        teacher_BN=torch.where(own_BN, torch.rand(B, N), torch.nan),
        pairs_P3=torch.stack([rows_P, first_P, first_P + 1], dim=1),
        pair_p_P=torch.rand(len(rows_P)),
        queries_BD=nn.functional.normalize(torch.randn(B, D), dim=1).requires_grad_(),
        paraphrases_BMD=nn.functional.normalize(torch.randn(B, M, D), dim=2).requires_grad_(),
        paraphrase_scores_BMN=(torch.rand(B, M, N) * 2 - 1).requires_grad_(),
        paraphrase_mask_BM=torch.ones(B, M, dtype=torch.bool),
    )


def _lists() -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(1)
    return torch.randn(B, K, generator=generator), torch.randint(0, 4, (B, K), generator=generator).float()


def _own_lists(option: str) -> Callable[[], Tensor]:
    loss, (scores_BK, grades_BK) = _loss(option), _lists()
    everything = torch.ones(B, K, dtype=torch.bool)

    def way() -> Tensor:
        return loss(scores_BK.clone().requires_grad_(), grades_BK, own_BN=everything, valid_BN=everything).loss

    return way


class _Given(nn.Module):
    """A reranker whose scores are given: what is timed is the peer's loss alone."""

    def __init__(self, scores_BK: Tensor) -> None:
        super().__init__()
        self.scores_BK, self.device = scores_BK, torch.device("cpu")
        self.num_labels = 1

    def preprocess(self, pairs: list[Any], **_: Any) -> dict[str, Tensor]:
        return {
            "rows": torch.tensor([row for row, _ in pairs]),
            "columns": torch.tensor([column for _, column in pairs]),
        }

    def forward(self, tokens: dict[str, Tensor]) -> dict[str, Tensor]:
        scores = self.scores_BK.clone().requires_grad_()
        return {"scores": scores[tokens["rows"], tokens["columns"]]}


def _peers() -> dict[str, Callable[[], Tensor]]:
    from sentence_transformers.cross_encoder import losses

    scores_BK, grades_BK = _lists()
    model, labels = _Given(scores_BK), list(grades_BK)
    inputs: list[Any] = [list(range(B)), [list(range(K)) for _ in range(B)]]
    made = {
        "listnet": losses.ListNetLoss(model, mini_batch_size=-1),  # type: ignore[arg-type]
        "listmle": losses.ListMLELoss(model, mini_batch_size=-1),  # type: ignore[arg-type]
        "ranknet": losses.RankNetLoss(model, mini_batch_size=-1),  # type: ignore[arg-type]
        "lambda_loss": losses.LambdaLoss(model, mini_batch_size=-1),  # type: ignore[arg-type]
    }
    return {f"{name} (sentence-transformers)": _called(loss, inputs, labels) for name, loss in made.items()} | {
        "infonce, from embeddings (sentence-transformers)": _contrastive()
    }


def _called(loss: nn.Module, inputs: list[Any], labels: list[Tensor]) -> Callable[[], Tensor]:
    def way() -> Tensor:
        made: Tensor = loss(inputs, labels)
        return made

    return way


def _embeddings() -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(2)
    queries_BD, passages_ND = torch.randn(B, D, generator=generator), torch.randn(N, D, generator=generator)
    return queries_BD, passages_ND


def _from_embeddings() -> Callable[[], Tensor]:
    from wrank.model.similarity import similarity

    loss, (queries_BD, passages_ND) = _loss("infonce"), _embeddings()
    own_BN = torch.eye(B, dtype=torch.bool).repeat_interleave(K, 1)
    grades_BN = torch.zeros(B, N)
    grades_BN[torch.arange(B), torch.arange(B) * K] = 1.0
    valid_BN = torch.ones_like(own_BN)

    def way() -> Tensor:
        both = [nn.functional.normalize(one.clone().requires_grad_(), dim=1) for one in (queries_BD, passages_ND)]
        return loss(similarity(both[0], both[1], "cosine"), grades_BN, own_BN=own_BN, valid_BN=valid_BN).loss

    return way


def _contrastive() -> Callable[[], Tensor]:
    from sentence_transformers.sentence_transformer.losses import MultipleNegativesRankingLoss

    queries_BD, passages_ND = _embeddings()
    loss = MultipleNegativesRankingLoss(nn.Identity())  # type: ignore[arg-type]

    def way() -> Tensor:
        lists_KBD = passages_ND.clone().requires_grad_().view(B, K, D).unbind(1)
        anchors_BD = queries_BD.clone().requires_grad_()
        made: Tensor = loss.compute_loss_from_embeddings([anchors_BD, *lists_KBD], torch.empty(0))
        return made

    return way


if __name__ == "__main__":
    main()
