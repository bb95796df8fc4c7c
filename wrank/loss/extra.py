"""What some losses need beside scores and grades.

Shapes: B queries, N passages scored for each, P preferences, M paraphrases of a query (padded), D embedding size.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields

import torch
from torch import Tensor


@dataclass(frozen=True, slots=True)
class Extra:
    """What some losses need beside scores and grades; None where a batch has none of it.

    Attributes:
        teacher_BN: a teacher's scores of the query's own list; NaN elsewhere, and where there is none.
        pairs_P3: int64 preferences: query's row, column of the passage held to be better, column of the other.
        pair_p_P: probability that it is the better one, 0 to 1.
        queries_BD: embeddings of the queries.
        paraphrases_BMD: embeddings of equivalent queries, 0 where padded.
        paraphrase_scores_BMN: their scores with the passages that the query is scored against.
        paraphrase_mask_BM: bool, False where padded.
    """

    teacher_BN: Tensor | None = None
    pairs_P3: Tensor | None = None
    pair_p_P: Tensor | None = None
    queries_BD: Tensor | None = None
    paraphrases_BMD: Tensor | None = None
    paraphrase_scores_BMN: Tensor | None = None
    paraphrase_mask_BM: Tensor | None = None

    def lifted(self, dtype: torch.dtype) -> "Extra":
        """The same with its floating tensors in another type."""
        values = {one.name: getattr(self, one.name) for one in fields(self)}
        return Extra(
            **{
                name: value.to(dtype) if value is not None and value.is_floating_point() else value
                for name, value in values.items()
            }
        )


NEEDS: Mapping[str, str] = {
    "grades": "",
    "teacher": "teacher_BN",
    "pairs": "pairs_P3",
    "paraphrases": "paraphrases_BMD",
}
"""What a loss may need of the lists -> the field of `Extra` that holds it; grades come with every list."""
