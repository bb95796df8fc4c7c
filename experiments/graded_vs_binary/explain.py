"""Why the losses end where they do: what each asks of the untrained model, on the very lists that it is trained on.

``explain.py COLLECTION STORE`` takes the losses from the study's trainings in STORE (seed 0), draws the first
batches of their lists from the folder COLLECTION, scores them with the untrained model, and writes ``explain.csv``, a
row a loss:

- ``own_mass``: share of the target that stays on the query's own list (list-wise losses).
- ``target_entropy`` of it, in nats; 0 is a target on one passage.
- ``softmax_own``, ``softmax_entropy``: the same of what the untrained model says at the loss's temperature.
- ``grade_4`` ... ``grade_1``, ``negative``, ``others``: where the gradient pushes: the sum over such passages of
  -d loss / d score, divided by the sum of its absolute values over all; above 0 = raised. ``others`` are in-batch.
- ``gradient``: norm of the gradient by the model's weights, before clipping.
- ``like_infonce``: cosine of that gradient with InfoNCE's on the same batch; of losses over cosines.

Shapes: B queries, K passages a list, N = B * K, D embedding size.
"""

import csv
import sys
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from hydra import compose, initialize_config_dir
from hydra.utils import instantiate
from torch import Tensor

from experiments.graded_vs_binary.table import STUDY
from wrank.config import conf_folder, register
from wrank.data.collate import ListBatch, collate, in_batch_masks
from wrank.errors import WrankError
from wrank.loss.base import ListWiseLoss, Loss
from wrank.model.bi_encoder import BiEncoder
from wrank.stage.context import Context
from wrank.stage.model import Plan, plan_training, sampler_of

BATCHES, QUERIES = 3, 16
PLACES = ("grade_4", "grade_3", "grade_2", "grade_1", "negative", "others")
MASSES = ("own_mass", "target_entropy", "softmax_own", "softmax_entropy")
COLUMNS = ("set", "system", *MASSES, *PLACES, "gradient", "like_infonce")
SHAPE = (
    "data=beir", "data/lists=hard", "data.lists.size=4", "data.lists.judged=3", "data.dev_share=0", "model=minilm",
    "model.query_length=64", "model.passage_length=64", "trainer=cpu", "evaluation=fast", "logger=none",
)  # fmt: skip


@dataclass(frozen=True)
class Scores:
    """A batch as a loss sees it, and the way back to the weights."""

    scores_BN: Tensor
    grades_BN: Tensor
    own_BN: Tensor
    valid_BN: Tensor


def losses(store: Path, place: str, similarity: str) -> dict[str, Loss]:
    """System -> its loss, of the trainings that were evaluated on a set; of those with cosine InfoNCE first."""
    found: dict[str, Loss] = {}
    for row in STUDY.systems(store):
        for run in row.runs:
            if run.training is None or run.seed != 0 or place not in run.evaluations:
                continue
            config: dict[str, Any] = run.training.manifest["config"]
            if config["model"]["similarity"] == similarity:
                found[STUDY.system_of(run.training)] = instantiate(config["loss"])
    if similarity != "cosine":
        return found
    if "infonce" not in found:
        raise WrankError(f"{store}: no training with infonce and seed 0 for {place}: run.sh makes it")
    return {"infonce": found.pop("infonce")} | found


def planned(collection: Path, store: Path, similarity: str) -> tuple[Context, Plan]:
    """The lists' plan, as a training makes it; the base's ranking is found in the store."""
    register()
    words = [*SHAPE, f"data.path={collection}", f"paths.store={store}", "seed=0"]
    words += [f"model.similarity={similarity}", f"model.normalize={'true' if similarity == 'cosine' else 'false'}"]
    with initialize_config_dir(str(conf_folder()), version_base=None):
        cfg = compose("train", words)
    context = Context(cfg, {"model": "minilm", "loss": "infonce", "data": "beir", "data/lists": "hard"})
    return context, plan_training(context, None)


def batches(context: Context, plan: Plan) -> Iterator[ListBatch]:
    """The first batches of epoch 0."""
    sampler = sampler_of(context, plan)
    order = sampler.order(0).tolist()
    for start in range(0, min(BATCHES, len(order) // QUERIES) * QUERIES, QUERIES):
        lists = [sampler.sample(0, index) for index in order[start : start + QUERIES]]
        yield collate(lists, plan.data.collection.known_keys)


def scored(model: BiEncoder, batch: ListBatch) -> Scores:
    """Scores of every query with every passage of the batch, differentiable."""
    mask_N = batch.mask_BK.flatten()
    texts = [text for own in batch.passages for text in own]
    queries_BD = model.embed(model.tokenize(batch.queries, "query"), "query")
    real_RD = model.embed(
        model.tokenize([t for t, real in zip(texts, mask_N.tolist(), strict=True) if real], "passage"), "passage"
    )
    passages_ND = real_RD.new_zeros(len(mask_N), real_RD.shape[1]).index_put((mask_N.nonzero().squeeze(1),), real_RD)
    own_BN, valid_BN, _ = in_batch_masks(batch.keys_BK, batch.mask_BK, batch.known_BJ)
    grades_BN = batch.grades_BK.new_zeros(own_BN.shape)
    grades_BN[own_BN] = batch.grades_BK.flatten()
    return Scores(model.score(queries_BD, passages_ND), grades_BN, own_BN, valid_BN)


def asked(loss: Loss, one: Scores) -> tuple[Tensor, dict[str, float]]:
    """The gradient by the scores [B, N], and what it and the target say."""
    leaf_BN = one.scores_BN.detach().clone().requires_grad_()
    loss(leaf_BN, one.grades_BN, own_BN=one.own_BN, valid_BN=one.valid_BN).loss.backward()
    assert leaf_BN.grad is not None
    push_BN = -leaf_BN.grad / leaf_BN.grad.abs().sum()
    own_BN = one.own_BN & one.valid_BN
    masks = {f"grade_{grade}": own_BN & (one.grades_BN == grade) for grade in (4, 3, 2, 1)}
    masks |= {"negative": own_BN & (one.grades_BN == 0), "others": one.valid_BN & ~own_BN}
    facts = {name: float(push_BN[mask].sum()) for name, mask in masks.items()}
    if isinstance(loss, ListWiseLoss):
        p_BN, t_BN, used_B = loss.probabilities(
            one.scores_BN.detach().double(), one.grades_BN.double(), own_BN, one.valid_BN
        )
        values = [
            value
            for q_BN in (t_BN[used_B], p_BN[used_B])
            for value in (q_BN.where(own_BN[used_B], 0.0).sum(1).mean(), torch.special.entr(q_BN).sum(1).mean())
        ]
        facts |= dict(zip(MASSES, map(float, values), strict=True))
    return leaf_BN.grad, facts


def explain(collection: Path, store: Path, similarity: str) -> list[dict[str, str]]:
    """One row a loss: means over the batches."""
    context, plan = planned(collection, store, similarity)
    place = f"{plan.data.collection.name}/test"
    by_system, model = losses(store, place, similarity), context.fresh_model()
    assert isinstance(model, BiEncoder)
    model.train()
    sums: dict[str, dict[str, float]] = defaultdict(lambda: defaultdict(float))
    count = 0
    for batch in batches(context, plan):
        one, first, count = scored(model, batch), torch.empty(0), count + 1
        for system, loss in by_system.items():
            grad_BN, facts = asked(loss, one)
            model.zero_grad()
            one.scores_BN.backward(grad_BN.to(one.scores_BN.dtype), retain_graph=True)
            flat = torch.cat(
                [weight.grad.double().flatten() for weight in model.parameters() if weight.grad is not None]
            )
            facts["gradient"] = float(flat.norm())
            first = flat if system == "infonce" else first
            if similarity == "cosine":
                facts["like_infonce"] = float(torch.cosine_similarity(flat, first, dim=0))
            for name, value in facts.items():
                sums[system][name] += value
    found = []
    for system, facts in sums.items():
        cells = {name: f"{value / count:.4f}" for name, value in facts.items()}
        found.append({"set": place, "system": system} | cells)
    return found


def main(words: Sequence[str]) -> int:
    """Replaces the rows of one collection in ``explain.csv``."""
    if len(words) != 2:
        print("usage: python -m experiments.graded_vs_binary.explain COLLECTION STORE", file=sys.stderr)
        return 2
    path = STUDY.folder / "explain.csv"
    rows = [row for similarity in ("cosine", "dot") for row in explain(Path(words[0]), Path(words[1]), similarity)]
    before: list[dict[str, str]] = []
    if path.is_file():
        with path.open(encoding="utf-8", newline="") as file:
            before = [row for row in csv.DictReader(file) if row["set"] != rows[0]["set"]]
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n", restval="")
        writer.writeheader()
        writer.writerows([*before, *rows])
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
