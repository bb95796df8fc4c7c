"""What W&B is told of an artifact comes from its manifest, the same for whoever tells of it, and holds no secret."""

import json

import pytest

from wrank.errors import WrankError
from wrank.store import Stage, Store
from wrank.tracking.wandb_artifact import artifact_facts


@pytest.fixture
def make(tmp_path):
    store = Store(tmp_path / "store")

    def made(kind="model", name="tiny ws2/s0", config=None, files=None, result=None):
        def work(folder):
            for path, size in (files or {"last/config.json": 10}).items():
                (folder / path).parent.mkdir(parents=True, exist_ok=True)
                (folder / path).write_bytes(b"x" * size)
            return result or {"steps": 3, "dev": {"nDCG@10": 0.5}, "examples": [{"query": "q"}], "none": None}

        return store.run(Stage(kind, name, config or {"lr": 1}, {"collection": "c" * 64}, details={"study": "s"}), work)

    return made


def test_name_type_and_version_come_from_kind_name_and_content(make):
    artifact = make()
    facts = artifact_facts(artifact.path, 10)
    assert (facts.name, facts.type) == ("model-tiny-ws2-s0", "model")
    assert facts.alias == artifact.content_key[:16]
    assert artifact_facts(make("generation", "g").path, 10).type == "dataset"


def test_long_names_fit_into_wandb(make):
    assert len(artifact_facts(make(name="x" * 300).path, 10).name) <= 128


def test_metadata_are_the_manifest_s_facts_and_its_figures_without_rows(make):
    facts = artifact_facts(make().path, 10)
    assert facts.metadata["config"] == {"lr": 1}
    assert facts.metadata["inputs"] == {"collection": "c" * 64}
    assert facts.metadata["study"] == "s"
    assert facts.metadata["result"] == {"steps": 3, "dev.nDCG@10": 0.5}
    json.dumps(facts.metadata)


SIZES = {"last/config.json": 10, "last/model.safetensors": 20, "run.trec": 2_000_001, "vectors.npy": 5}


def test_files_up_to_the_limit_go_and_weights_only_when_asked_for(make):
    path = make(files=SIZES).path
    assert artifact_facts(path, 2).files == ("manifest.json", "last/config.json")
    assert artifact_facts(path, 3).files == ("manifest.json", "last/config.json", "run.trec")
    assert artifact_facts(path, 0).files == ("manifest.json",)
    with_weights = artifact_facts(path, 0, weights=True).files
    assert with_weights == ("manifest.json", "last/model.safetensors", "vectors.npy")


def test_secrets_leave_neither_in_metadata_nor_in_the_manifest(make):
    artifact = make(
        config={"engine": {"api_key": "geheim1", "url": "https://a:geheim2@host"}, "parts": [{"token": "geheim3"}]}
    )
    facts = artifact_facts(artifact.path, 10)
    assert "manifest.json" not in facts.files
    assert facts.manifest is not None
    assert json.loads(facts.manifest)["config"] == {"engine": {"url": "https://***@host"}, "parts": [{}]}
    assert "geheim" not in facts.manifest + json.dumps(facts.metadata)


def test_a_folder_that_is_no_artifact_is_told(tmp_path):
    with pytest.raises(WrankError, match="no finished artifact"):
        artifact_facts(tmp_path, 10)
