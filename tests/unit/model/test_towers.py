import shutil

import pytest

from wrank.errors import WrankError
from wrank.model.bi_encoder import BiEncoder
from wrank.model.source import open_source
from wrank.model.towers import build_towers


def _build(folder, shared=None):
    opened = open_source(None, str(folder), revision=None, trust_remote_code=False)
    return build_towers(opened, {}, shared=shared, dropout=None, attention=None, trust_remote_code=False, seed=0)


@pytest.mark.parametrize(("saved", "asked", "two"), [(True, None, False), (True, False, True), (False, None, True)])
def test_the_folder_decides_on_the_towers_unless_two_are_asked_for(tmp_path, saved, asked, two):
    BiEncoder("random:tiny", shared=saved).save(tmp_path / "model")
    assert (_build(tmp_path / "model", asked).query is not None) is two


def test_two_towers_made_from_one_do_not_share_weights(tmp_path):
    BiEncoder("random:tiny").save(tmp_path / "model")
    towers = _build(tmp_path / "model", shared=False)
    assert not {id(weight) for weight in towers.query.parameters()} & {
        id(weight) for weight in towers.passage.parameters()
    }


def test_towers_of_different_sizes_are_refused(tmp_path, model_folder):
    BiEncoder("random:tiny", shared=False).save(tmp_path / "model")
    wide = model_folder("bert", hidden_size=48, max_position_embeddings=512)
    for file in ("config.json", "model.safetensors"):
        shutil.copy(wide / file, tmp_path / "model" / "query_0_Transformer" / file)
    with pytest.raises(WrankError, match=r"48 numbers.*32"):
        _build(tmp_path / "model")
