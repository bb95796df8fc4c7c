"""Names are the same everywhere; nothing that looks like a secret leaves the house."""

from wrank.tracking.identity import RunIdentity


def identity(**config):
    return RunIdentity("model-0123", "tiny-ws2-s0", "study", "train", ("a",), {"loss": "ws2"}, config)


def test_choices_are_flat_keys_so_that_dashboards_can_group_by_them():
    assert identity(loss={"temperature": 0.05}).flat_config() == {"choice_loss": "ws2", "loss.temperature": 0.05}


def test_values_under_a_secret_s_name_are_left_out():
    config = {
        "engine": {"api_key": "sk-1", "model": "m"},
        "hf_token": "hf_1",
        "password": "p",
        "nested": {"deep": {"client_secret": "s", "kept": 1}},
    }
    flat = identity(**config).flat_config()
    assert flat == {"choice_loss": "ws2", "engine.model": "m", "nested.deep.kept": 1}


def test_keys_that_only_sound_like_a_secret_are_kept():
    assert identity(evaluation={"batch_tokens": 8192}).flat_config()["evaluation.batch_tokens"] == 8192
