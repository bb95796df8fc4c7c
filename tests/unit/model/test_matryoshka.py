import pytest
import torch
from torch.nn import functional

from wrank.errors import WrankError
from wrank.model.bi_encoder import BiEncoder
from wrank.model.matryoshka import read_matryoshka

TEXTS = ["a text", "another, somewhat longer text", "x"]


def vectors(model):
    with torch.no_grad():
        return model.embed(model.tokenize(TEXTS, "passage"), "passage")


@pytest.mark.parametrize(
    ("sizes", "weights", "found"),
    [
        ([], None, {}),
        ([32], None, {32: 1.0}),
        ([8, 32], [0.5, 2], {32: 2.0, 8: 0.5}),
        ("halves", None, {32: 1.0, 16: 1.0, 8: 1.0}),
    ],
)
def test_sizes_and_weights_belong_together(sizes, weights, found):
    assert read_matryoshka(sizes, weights, 32) == found
    assert list(read_matryoshka(sizes, weights, 32)) == sorted(found, reverse=True)


@pytest.mark.parametrize(
    ("sizes", "weights", "told"),
    [
        ([33], None, "from 1 to 32"),
        ([0, 32], None, "from 1 to 32"),
        ([8, 8, 32], None, "different"),
        ([8, 16], None, "leaves out 32"),
        ("thirds", None, "halves"),
        ([8, 32], [1], "for each of"),
        ([8, 32], [1, 0], "above 0"),
        ([], [1.0], "without model.matryoshka"),
        (7, None, r"model\.matryoshka=7: give a list of sizes, or halves"),
        (True, None, r"model\.matryoshka=True"),
        ([8, 32], 1, r"model\.matryoshka_weights=1: give a list"),
        ([8, 32], "ab", r"model\.matryoshka_weights='ab': give a list"),
        ([], 1, r"model\.matryoshka_weights=1: give a list"),
    ],
)
def test_sizes_that_cannot_be_are_refused(sizes, weights, told):
    with pytest.raises(WrankError, match=told):
        read_matryoshka(sizes, weights, 32)


def test_vectors_are_cut_and_of_length_1_again():
    whole, cut = BiEncoder("random:tiny"), BiEncoder("random:tiny", dimensions=8)
    assert cut.dimension == 8
    torch.testing.assert_close(vectors(cut), functional.normalize(vectors(whole)[:, :8], dim=-1))
    dot = {"similarity": "dot", "normalize": False}
    whole, cut = BiEncoder("random:tiny", **dot), BiEncoder("random:tiny", dimensions=8, **dot)
    torch.testing.assert_close(vectors(cut), vectors(whole)[:, :8])


def test_a_cut_is_part_of_the_fingerprint_and_its_absence_is_not():
    prints = [BiEncoder("random:tiny", dimensions=size).fingerprint() for size in (None, 8, 16)]
    assert len(set(prints)) == 3
    assert "dimensions" not in BiEncoder("random:tiny").settings.of_embedding()
    assert "dimensions" not in BiEncoder("random:tiny").identity()
    assert BiEncoder("random:tiny", matryoshka="halves").fingerprint() == prints[0]
    assert BiEncoder("random:tiny", matryoshka="halves").identity()["matryoshka"] == {"32": 1.0, "16": 1.0, "8": 1.0}


@pytest.mark.parametrize("wrong", [0, 33, True, 1.5])
def test_dimensions_that_a_vector_does_not_have_are_refused(wrong):
    with pytest.raises(WrankError, match="from 1 to 32"):
        BiEncoder("random:tiny", dimensions=wrong)


def test_a_saved_model_is_cut_as_it_was_and_sentence_transformers_is_told(tmp_path):
    import json

    from sentence_transformers import SentenceTransformer

    model = BiEncoder("random:tiny", dimensions=8)
    model.save(tmp_path / "best")
    again = BiEncoder(path=str(tmp_path / "best"))
    assert again.dimension == 8
    torch.testing.assert_close(vectors(again), vectors(model))
    assert again.fingerprint() == model.fingerprint()
    config = json.loads((tmp_path / "best" / "config_sentence_transformers.json").read_text())
    assert config["truncate_dim"] == 8
    theirs = SentenceTransformer(str(tmp_path / "best"), device="cpu", truncate_dim=8)
    found = theirs.encode_document(TEXTS, convert_to_tensor=True, normalize_embeddings=True)
    torch.testing.assert_close(found, vectors(model), atol=1e-5, rtol=0)
    assert "truncate_dim=8" in (tmp_path / "best" / "README.md").read_text()
