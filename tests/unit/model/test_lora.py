import pytest
import torch
from omegaconf import OmegaConf
from peft import LoraConfig, get_peft_model

from wrank.config import option_node, options
from wrank.errors import WrankError
from wrank.model.bi_encoder import BiEncoder
from wrank.model.cross_encoder import CrossEncoder
from wrank.model.lora import Lora, merged_state, plain_model, read_lora
from wrank.training.compute import prepare_model
from wrank.training.settings import TrainerSettings

TEXTS = ["a text", "another, somewhat longer text", "x"]


def vectors(model, role="passage"):
    with torch.no_grad():
        return model.embed(model.tokenize(TEXTS, role), role)


def moved(model):
    """The model with its adapter away from its start."""
    torch.manual_seed(0)
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if "lora_" in name:
                weight.copy_(torch.randn_like(weight) * 0.3)
    return model


def test_before_training_an_adapted_model_is_its_base():
    base, adapted = BiEncoder("random:tiny"), BiEncoder("random:tiny", lora={})
    torch.testing.assert_close(vectors(base), vectors(adapted), atol=0, rtol=0)
    assert base.fingerprint() == adapted.fingerprint()
    assert base.identity() != adapted.identity()
    assert "lora" not in base.identity()


def test_only_the_adapter_and_the_temperature_are_trained():
    model = BiEncoder("random:tiny", lora={"rank": 2}, learn_temperature=True)
    trained = {name for name, weight in model.named_parameters() if weight.requires_grad}
    assert "log_temperature" in trained
    assert all("lora_" in name for name in trained - {"log_temperature"})
    assert len(trained) == 1 + 2 * 2 * 6  # A and B of two layers of six linear maps each


@pytest.mark.parametrize("architecture", ["bert", "gpt2", "llama", "qwen2", "t5"])
def test_what_is_saved_is_a_plain_model_with_the_adapted_vectors(model_folder, tmp_path, architecture):
    from sentence_transformers import SentenceTransformer

    folder = str(model_folder(architecture))
    model = moved(BiEncoder(path=folder, pooling="mean", lora={"rank": 4, "alpha": 8}))
    assert (vectors(model) - vectors(BiEncoder(path=folder, pooling="mean"))).abs().max() > 1e-3
    model.save(tmp_path / "best")
    again = BiEncoder(path=str(tmp_path / "best"))
    assert again.lora is None
    torch.testing.assert_close(vectors(again), vectors(model), atol=1e-5, rtol=0)
    assert again.fingerprint() == model.fingerprint()
    theirs = SentenceTransformer(str(tmp_path / "best"), device="cpu").encode_document(TEXTS, convert_to_tensor=True)
    torch.testing.assert_close(theirs, vectors(model), atol=1e-5, rtol=0)


def test_two_towers_have_an_adapter_each(tmp_path):
    model = moved(BiEncoder("random:tiny", shared=False, lora={"rank": 2}))
    model.save(tmp_path / "best")
    again = BiEncoder(path=str(tmp_path / "best"))
    for role in ("query", "passage"):
        torch.testing.assert_close(vectors(again, role), vectors(model, role), atol=1e-5, rtol=0)
    assert (vectors(model, "query") - vectors(model, "passage")).abs().max() > 1e-3


@pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing`:FutureWarning")
def test_merged_weights_are_those_of_peft_itself():
    ours = moved(BiEncoder("random:tiny", lora={"rank": 3, "alpha": 5, "targets": ["query", "value"]}))
    config = LoraConfig(r=3, lora_alpha=5, target_modules=["query", "value"])
    theirs = get_peft_model(BiEncoder("random:tiny").encoder.transformer, config)
    own = {name: weight for name, weight in ours.encoder.transformer.named_parameters() if "lora_" in name}
    with torch.no_grad():
        for name, weight in theirs.named_parameters():
            if "lora_" in name:
                weight.copy_(own[name.removeprefix("base_model.model.")])
    merged = theirs.merge_and_unload().state_dict()
    found = merged_state(ours.encoder.transformer)
    assert found.keys() == merged.keys()
    for name, weight in found.items():
        torch.testing.assert_close(weight, merged[name], atol=1e-6, rtol=0)


def test_saving_leaves_the_adapted_model_as_it_is(tmp_path):
    model = moved(BiEncoder("random:tiny", lora={}))
    before = {name: weight.clone() for name, weight in model.state_dict().items()}
    model.save(tmp_path / "best")
    after = model.state_dict()
    assert before.keys() == after.keys()
    assert all(torch.equal(before[name], after[name]) for name in before)


def test_a_model_without_an_adapter_is_saved_as_it_is():
    transformer = BiEncoder("random:tiny").encoder.transformer
    assert plain_model(transformer) == (transformer, {})


def test_the_start_depends_on_the_seed_alone():
    state = torch.random.get_rng_state()
    one, same = BiEncoder("random:tiny", lora={}), BiEncoder("random:tiny", lora={})
    assert torch.equal(state, torch.random.get_rng_state())
    first = {name: weight for name, weight in one.named_parameters() if "lora_A" in name}
    assert all(torch.equal(weight, dict(same.named_parameters())[name]) for name, weight in first.items())


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"rank": 0}, "rank"),
        ({"rank": True}, "rank"),
        ({"alpha": 0}, "alpha"),
        ({"dropout": 1.0}, "dropout"),
        ({"targets": []}, "targets"),
        ({"targets": 5}, r"model\.lora\.targets=5: give names"),
        ({"targets": [5]}, r"model\.lora\.targets=\(5,\): give names"),
        ({"rnak": 8}, "rnak: no such key; wanted null, or some of rank, alpha, dropout, targets"),
        ("yes", "'yes'"),
    ],
)
def test_values_that_cannot_be_are_refused(given, told):
    with pytest.raises(WrankError, match=told):
        read_lora(given)


def test_an_unknown_layer_is_refused_with_those_there_are():
    with pytest.raises(WrankError, match=r"'q_proj'.*key, query, value"):
        BiEncoder("random:tiny", lora={"targets": ["q_proj"]})


def test_targets_are_the_same_in_any_order():
    assert Lora(targets=("a", "b")).identity(0) == Lora(targets=("b", "a")).identity(0)


@pytest.mark.parametrize("kind", [BiEncoder, CrossEncoder])
def test_a_start_from_another_seed_is_another_training(kind, tmp_path):
    """While B is 0 the fingerprint is the base's, whatever A is."""
    kind("random:tiny").save(tmp_path / "base")
    one, same, other = (kind(path=str(tmp_path / "base"), lora={}, seed=seed) for seed in (0, 0, 1))
    assert one.fingerprint() == other.fingerprint()
    assert one.identity() == same.identity() != other.identity()
    plain = [kind(path=str(tmp_path / "base"), seed=seed).identity() for seed in (0, 1)]
    assert plain[0] == plain[1]
    assert "seed" not in plain[0]


@pytest.mark.parametrize("name", ["minilm", "path", "cross_encoder"])
def test_a_preset_takes_the_job_s_seed(name):
    assert OmegaConf.create({"seed": 5, "model": option_node("model", name)}).model.seed == 5
    assert OmegaConf.create({"model": option_node("model", name)}).model.seed == 0


def test_every_preset_that_takes_lora_has_a_seed():
    assert all("seed" in node for name in options("model") if "lora" in (node := option_node("model", name)))


@pytest.mark.parametrize("kind", [BiEncoder, CrossEncoder])
def test_a_small_addition_to_bfloat16_weights_is_saved_whole(kind, tmp_path):
    """A thousandth of the weights: less than the last of bfloat16's 8 bits of most of them."""
    model = kind("random:tiny", lora={"rank": 4})
    prepare_model(model, TrainerSettings(precision="bf16-true", accelerator="cpu"))
    torch.manual_seed(0)
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if "lora_B" in name:
                weight.copy_(torch.randn_like(weight) * 1e-4)
    model.save(tmp_path / "best")
    again = kind(path=str(tmp_path / "best"))
    saved = {name: weight for name, weight in again.named_parameters() if weight.dim() == 2}
    seen = 0
    for name, module in model.named_modules():
        if hasattr(module, "lora_A") and hasattr(module, "get_delta_weight"):
            base, added = module.get_base_layer().weight.float(), module.get_delta_weight("default").float()
            assert 0 < added.norm() < 0.01 * base.norm()
            torch.testing.assert_close(saved[f"{name}.weight"] - base, added, atol=1e-7, rtol=0)
            seen += 1
    assert seen == 12


def test_the_adapter_beside_bfloat16_weights_takes_small_steps(tmp_path):
    """bfloat16 has 8 bits: a step of a thousandth of a weight would be rounded away."""
    model = BiEncoder("random:tiny", lora={"rank": 4})
    prepare_model(model, TrainerSettings(precision="bf16-true", accelerator="cpu"))
    assert {weight.dtype for weight in model.parameters() if not weight.requires_grad} == {torch.bfloat16}
    trained = {name: weight for name, weight in model.named_parameters() if weight.requires_grad}
    for weight in trained.values():
        torch.nn.init.normal_(weight, std=0.1)  # B is 0 before, and so is A's gradient
    before = {name: weight.detach().clone() for name, weight in trained.items()}
    optimizer = torch.optim.AdamW(trained.values(), lr=1e-5, weight_decay=0.0)
    model.embed(model.tokenize(TEXTS, "passage"), "passage").float().sum().backward()
    optimizer.step()
    for name, weight in trained.items():
        assert weight.dtype == torch.float32
        assert weight.grad is not None
        assert not torch.equal(weight, before[name]), name


def test_gradients_reach_the_adapter_with_recomputed_activations():
    model = BiEncoder("random:tiny", lora={}, gradient_checkpointing=True)
    model.train()
    model.embed(model.tokenize(TEXTS, "passage"), "passage").sum().backward()
    found = [weight.grad for name, weight in model.named_parameters() if "lora_B" in name]
    assert all(grad is not None for grad in found)
    assert any(grad.abs().max() > 0 for grad in found)
    assert all(weight.grad is None for name, weight in model.named_parameters() if "lora_" not in name)
