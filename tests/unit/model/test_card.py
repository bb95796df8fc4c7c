import pytest
import yaml

from wrank.model.bi_encoder import BiEncoder
from wrank.model.card import license_of, model_card


@pytest.fixture
def model():
    return BiEncoder("random:tiny", query_prompt="query: ", temperature=0.05)


def _head(card):
    return yaml.safe_load(card.split("---\n")[1])


def test_the_card_says_what_a_reader_needs(model):
    card = model_card(
        model, name="mine", scores={"nDCG@10": 0.41234}, base="facebook/contriever", facts={"loss": "infonce | 0.05"},
        license_id="cc-by-nc-4.0",
    )  # fmt: skip
    assert _head(card)["license"] == "cc-by-nc-4.0"
    assert _head(card)["base_model"] == "facebook/contriever"
    for wanted in (
        "# mine", "| nDCG@10 | 0.4123 |",
        "| loss | infonce \\| 0.05 |", "| query prompt | `query: ` |", "| temperature | 0.05 |",
        "SentenceTransformer(", "wrank evaluate model=path model.path=",
    ):  # fmt: skip
        assert wanted in card


def test_no_path_of_this_machine_is_published(model, tmp_path):
    folder = tmp_path / "warm-start"
    folder.mkdir()
    card = model_card(model, name="mine", base=str(folder))
    assert str(tmp_path) not in card
    assert "`warm-start`" in card
    assert "base_model" not in _head(card)


def test_empty_tables_are_left_out(model):
    card = model_card(model, name="mine")
    assert "## Scores" not in card
    assert "## Training" not in card
    assert "license" not in _head(card)


def test_the_licence_goes_along_when_a_model_is_trained_further(model, tmp_path):
    model.save(tmp_path / "first", license_id="mit")
    again = BiEncoder(path=str(tmp_path / "first"))
    again.save(tmp_path / "second")
    assert license_of(tmp_path / "second") == "mit"


def test_a_licence_is_read_from_the_head_only(tmp_path):
    (tmp_path / "README.md").write_text("# text\nlicense: mit\n", encoding="utf-8")
    assert license_of(tmp_path) is None
    (tmp_path / "README.md").write_text("---\ntags:\n- a\n---\nlicense: mit\n", encoding="utf-8")
    assert license_of(tmp_path) is None
