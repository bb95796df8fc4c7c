import pytest

from wrank.errors import WrankError
from wrank.model.source import open_source


def _open(source=None, path=None):
    return open_source(source, path, revision=None, trust_remote_code=False)


@pytest.mark.parametrize("arguments", [{}, {"source": "random:tiny", "path": "x"}])
def test_none_or_both_of_source_and_path_are_refused(arguments):
    with pytest.raises(WrankError, match="exactly one"):
        _open(**arguments)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("random:small", "random:tiny"),
        ("bundled:mpnet", "bundled:minilm"),
        ("./no/such", "no such folder.*model=minilm.*model=tiny"),
        ("/no/such", "no such folder"),
        ("~/no/such", "no such folder"),
    ],
)
def test_a_source_that_is_not_there_is_named_with_what_is(source, message):
    with pytest.raises(WrankError, match=message):
        _open(source)


def test_a_path_is_never_looked_up_on_the_hub():
    with pytest.raises(WrankError, match="no such folder"):
        _open(path="owner/name")


def test_a_training_folder_says_which_of_its_models_to_give(tmp_path):
    (tmp_path / "best").mkdir()
    with pytest.raises(WrankError, match=r"/best or .*/last"):
        _open(path=str(tmp_path))


def test_a_folder_that_is_no_model_is_refused(tmp_path):
    with pytest.raises(WrankError, match=r"neither modules.json nor config.json"):
        _open(str(tmp_path))


def test_a_plain_transformer_folder_says_nothing(model_folder):
    folder = model_folder("bert")
    layout = _open(path=str(folder)).layout
    assert (layout.root, layout.query, layout.passage, layout.said) == (folder, folder, folder, {})


def test_a_cross_encoders_folder_is_no_bi_encoder(tmp_path):
    """Its vectors would score, badly, and nothing would tell."""
    from wrank.model.bi_encoder import BiEncoder
    from wrank.model.cross_encoder import CrossEncoder

    CrossEncoder("random:tiny").save(tmp_path / "reranker")
    with pytest.raises(WrankError, match=r"holds a cross-encoder.*model.source=null model.path="):
        BiEncoder(path=str(tmp_path / "reranker"))
