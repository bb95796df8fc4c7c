"""Which loss suits which labels: shown by ``wrank train --help`` and in the README. Imports nothing heavy."""

from typing import NamedTuple


class Advice(NamedTuple):
    """One row of the decision table.

    Attributes:
        labels: what the user has.
        first: the option to begin with.
        others: options to compare it with.
        why: what speaks for the first one, and what to mind.
    """

    labels: str
    first: str
    others: tuple[str, ...]
    why: str


GUIDE = (
    Advice(
        "a positive or two a query, all else unjudged",
        "infonce",
        ("multi_positive_infonce",),
        "asks only that a positive beats the rest of the batch; with several positives a query, compare the other one",
    ),
    Advice(
        "grades: some passages are better than others",
        "kl",
        ("w1_grade", "ws2", "ws2_paired", "ws2_published", "sinkhorn", "sum"),
        "each query by itself, and robust; Wasserstein forms also know how far off a grade is, ws2 looks at the batch",
    ),
    Advice(
        "grades, and only the order at the top counts",
        "lambda_loss",
        ("approx_ndcg", "listmle", "neural_sort", "ranknet"),
        "weighs pairs by what a swap changes in nDCG; wants a retriever that already ranks fairly well",
    ),
    Advice(
        "grades, but one or two passages a query",
        "bce_graded",
        ("infonce",),
        "each passage is learned from by itself, so a list needs no second one",
    ),
    Advice(
        "hard negatives in every list; a cross-encoder is trained (model=cross_encoder trainer=own_lists)",
        "lce",
        ("listnet", "ranknet", "lambda_loss"),
        "compares within a query's own list only, which is all that a cross-encoder scores",
    ),
    Advice(
        "a teacher's scores (teacher=..., wrank score)",
        "teacher_kl",
        ("margin_mse", "cadet"),
        "needs no common scale but a teacher_temperature; margin_mse copies differences of scores, so scales must fit",
    ),
    Advice(
        "preferences between two passages (teacher=llm_pairwise)",
        "pair_kl",
        ("pair_distill",),
        "learns from the probability that one passage is better; alone it sees no other passages",
    ),
    Advice(
        "paraphrases of the queries",
        "infonce_coherence",
        ("coherence",),
        "keeps the ranking stable under rewording; coherence is a regulariser and never goes alone",
    ),
    Advice(
        "no labels: crops of documents (data=crops, data/mix=crops)",
        "relevance_weighted_infonce",
        ("infonce",),
        "two crops of a document need not match: doubtful pairs count less, by the model's own similarity",
    ),
)
"""From what is most common to what is rarest."""
