import json

import pytest

from wrank.errors import WrankError
from wrank.model.bi_encoder import BiEncoder
from wrank.model.layout import read_layout


@pytest.fixture
def folder(tmp_path):
    BiEncoder("random:tiny", passage_length=100, query_length=100).save(tmp_path / "model")
    (tmp_path / "model" / "wrank.json").unlink()  # as sentence-transformers writes it
    return tmp_path / "model"


def _change(path, **changes):
    content = json.loads(path.read_text(encoding="utf-8"))
    content.update(changes)
    path.write_text(json.dumps(content), encoding="utf-8")


def test_a_folder_of_sentence_transformers_is_honoured(folder):
    _change(folder / "config_sentence_transformers.json", prompts={"query": "q: ", "passage": "p: "})
    assert read_layout(folder).said == {
        "pooling": "mean",
        "normalize": True,
        "similarity": "cosine",
        "query_prompt": "q: ",
        "passage_prompt": "p: ",
        "query_length": 100,
        "passage_length": 100,
    }


def test_arguments_go_before_the_folder(folder):
    model = BiEncoder(
        path=str(folder), pooling="last", query_prompt="q ", query_length=20, similarity="dot", normalize=False
    )
    settings = model.settings
    assert (settings.pooling, settings.query_prompt, settings.query_length) == ("last", "q ", 20)
    assert (settings.similarity, settings.normalize, settings.passage_length) == ("dot", False, 100)


@pytest.mark.parametrize(
    ("written", "wanted"),
    [
        ({"pooling_mode": "lasttoken"}, "last"),
        ({"pooling_mode_mean_tokens": False, "pooling_mode_cls_token": True}, "cls"),
        ({"pooling_mode_mean_tokens": False, "pooling_mode_max_tokens": True}, "max"),
    ],
)
def test_both_forms_of_the_pooling_config_are_read(folder, written, wanted):
    _change(folder / "1_Pooling" / "config.json", **written)
    assert read_layout(folder).said["pooling"] == wanted


def test_a_default_prompt_stands_in_for_both_roles(folder):
    _change(
        folder / "config_sentence_transformers.json", prompts={"retrieval": "find: "}, default_prompt_name="retrieval"
    )
    said = read_layout(folder).said
    assert (said["query_prompt"], said["passage_prompt"]) == ("find: ", "find: ")


def test_without_a_length_of_its_own_the_tokenizer_decides(folder):
    _change(folder / "sentence_bert_config.json", max_seq_length=None)
    _change(folder / "tokenizer_config.json", model_max_length=77)
    assert read_layout(folder).said["passage_length"] == 77
    _change(folder / "tokenizer_config.json", model_max_length=10**30)
    assert "passage_length" not in read_layout(folder).said


@pytest.mark.parametrize(
    ("file", "changes", "message"),
    [
        ("1_Pooling/config.json", {"pooling_mode_max_tokens": True}, "pooling_mode_max_tokens"),
        ("1_Pooling/config.json", {"pooling_mode": "weightedmean"}, "weightedmean.*mean, cls, lasttoken, max"),
        ("1_Pooling/config.json", {"pooling_mode": ["mean", "cls"]}, "mean.*cls"),
        ("1_Pooling/config.json", {"include_prompt": False}, "include_prompt"),
        ("sentence_bert_config.json", {"do_lower_case": True}, "do_lower_case"),
        ("config_sentence_transformers.json", {"similarity_fn_name": "manhattan"}, "manhattan.*cosine, dot"),
    ],
)
def test_what_wrank_does_not_do_is_refused_instead_of_ignored(folder, file, changes, message):
    _change(folder / file, **changes)
    with pytest.raises(WrankError, match=message):
        BiEncoder(path=str(folder))


def test_a_module_that_wrank_does_not_have_is_refused(folder):
    modules = json.loads((folder / "modules.json").read_text(encoding="utf-8"))
    modules.append({"idx": 3, "name": "3", "path": "3_Dense", "type": "sentence_transformers.models.Dense"})
    (folder / "modules.json").write_text(json.dumps(modules), encoding="utf-8")
    with pytest.raises(WrankError, match="Normalize, Dense; wrank has Transformer, Pooling and Normalize"):
        read_layout(folder)


def test_a_broken_or_missing_file_is_named(folder):
    (folder / "1_Pooling" / "config.json").write_text("{", encoding="utf-8")
    with pytest.raises(WrankError, match=r"1_Pooling/config.json is not JSON"):
        read_layout(folder)
    (folder / "1_Pooling" / "config.json").unlink()
    with pytest.raises(WrankError, match=r"1_Pooling/config.json cannot be read"):
        read_layout(folder)


def test_a_router_with_other_routes_is_refused(tmp_path):
    BiEncoder("random:tiny", shared=False).save(tmp_path / "model")
    _change(tmp_path / "model" / "router_config.json", structure={"image": []})
    with pytest.raises(WrankError, match=r"image.*query and document"):
        read_layout(tmp_path / "model")


def test_two_towers_are_not_merged_in_silence(tmp_path):
    BiEncoder("random:tiny", shared=False).save(tmp_path / "model")
    with pytest.raises(WrankError, match="two towers"):
        BiEncoder(path=str(tmp_path / "model"), shared=True)
