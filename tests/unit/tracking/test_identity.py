"""Names are the same everywhere; nothing that looks like a secret leaves the house."""

import pytest

from wrank.tracking.identity import RunIdentity, is_secret, scrub, scrub_text


def identity(**config):
    return RunIdentity("model-0123", "tiny-ws2-s0", "study", "train", ("a",), {"loss": "ws2"}, config)


def test_choices_are_flat_keys_so_that_dashboards_can_group_by_them():
    assert identity(loss={"temperature": 0.05}).flat_config() == {"choice_loss": "ws2", "loss.temperature": 0.05}


def test_values_under_a_secret_s_name_are_left_out():
    config = {
        "engine": {"api_key": "sk-1", "model": "m"},
        "hf_token": "hf_1",
        "password": "p",
        "nested": {"deep": {"client_secret": "s", "kept": 1, "headers": {"Authorization": "Bearer x", "n": 2}}},
    }
    flat = identity(**config).flat_config()
    assert flat == {"choice_loss": "ws2", "engine.model": "m", "nested.deep.kept": 1, "nested.deep.headers.n": 2}


def test_secrets_in_lists_of_mappings_are_left_out():
    config = {"parts": [{"api_key": "one", "path": "a"}, [{"deep": {"accessToken": "two", "kept": 3}}]]}
    flat = identity(**config).flat_config()
    assert flat == {"choice_loss": "ws2", "parts": [{"path": "a"}, [{"deep": {"kept": 3}}]]}


@pytest.mark.parametrize(
    "key", ["batch_tokens", "max_tokens", "token_noise", "mask_token", "author", "keys", "tokenizer"]
)
def test_keys_that_only_sound_like_a_secret_are_kept(key):
    assert identity(evaluation={key: 8192}).flat_config()[f"evaluation.{key}"] == 8192


@pytest.mark.parametrize(
    "key",
    [
        *("token", "hf_token", "apiKey", "api-key", "WANDB_API_KEY", "clientSecret", "AWS_SECRET_ACCESS_KEY"),
        *("engine.api_key", "auth", "db_password", "credentials", "private_key"),
    ],
)
def test_keys_of_secrets_are_known_however_they_are_written(key):
    assert is_secret(key)


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("https://bob:pw@host.example/x?y=1", "https://***@host.example/x?y=1"),
        ("https://abcdef@github.com/a/b.git", "https://***@github.com/a/b.git"),
        ("s3://key:sec/ret@bucket", "s3://key:sec/ret@bucket"),  # no such address: a slash ends the host
        ("generator.engine.api_key=sk-abc", "generator.engine.api_key=***"),
        ("+engine={api_key:abc,model:m}", "+engine={api_key:***,model:m}"),
        ('engine.api_key="a b c" loss=kl', "engine.api_key=*** loss=kl"),
        ("https://host/x?token=abc&y=1", "https://host/x?token=***&y=1"),
        ("model=hf_abcdefghijklmnopqrstuv", "model=***"),
        ("Authorization: Bearer abc.def-ghi", "Authorization: *** ***"),
        ("data.path=/home/me/data loss.temperature=0.05", "data.path=/home/me/data loss.temperature=0.05"),
        ("mask_token=[MASK]", "mask_token=[MASK]"),
        ("a question: what is token economy?", "a question: what is token economy?"),
    ],
)
def test_texts_lose_what_looks_like_a_secret(text, clean):
    assert scrub_text(text) == clean


def test_names_tags_and_choices_are_cleaned_too_and_fit_into_wandb():
    one = RunIdentity(
        "id", "n https://a:b@c", "g" * 200, "train", ("token=abc", "", "x" * 80, "token=abd"), {"data": "api_key=1"}
    )
    assert one.name == "n https://***@c"
    assert one.group == "g" * 128
    assert one.tags == ("token=***", "x" * 64)
    assert one.flat_config() == {"choice_data": "api_key=***"}


def test_what_is_no_text_stays_as_it_is():
    assert scrub({"a": (1, None, True, 2.5, "x")}) == {"a": [1, None, True, 2.5, "x"]}
