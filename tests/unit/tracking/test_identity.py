"""Names are the same everywhere; nothing that looks like a secret leaves the house."""

import re
from pathlib import Path

import pytest

from wrank.tracking.identity import RunIdentity, is_secret, scrub, scrub_text

CONF = Path(__file__).resolve().parents[3] / "conf"
KEY = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)\s*:")


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


def test_no_key_of_a_configuration_is_taken_for_a_secret_but_the_one_that_names_where_a_secret_is():
    lines = [line for path in CONF.rglob("*.yaml") for line in path.read_text(encoding="utf-8").split("\n")]
    names = {name for line in lines for name in KEY.findall(line.partition("#")[0])}
    assert {"max_tokens", "batch_tokens", "keys", "mask_token"} <= names
    assert {name for name in names if is_secret(name)} == {"api_key_env"}


MANIFEST = {
    "key": "0" * 64,
    "content_key": "1" * 64,
    "text_key": "x",
    "inputs": {"collection": "2" * 64, "keys": "3" * 64},
    "git": {"commit": "a1" * 20, "wandb_commit": "a1" * 20},
    "model": {"revision": "b2" * 20, "key_revision": "b2" * 20},
    "result": {"prompt_tokens": 3, "output_tokens": 4, "special_tokens": 5, "type_token": 0.4},
}


def test_keys_and_commits_of_a_manifest_are_kept():
    assert scrub(MANIFEST) == MANIFEST


HEX40 = "0123456789abcdef0123456789abcdef01234567"


@pytest.mark.parametrize("name", ["key", "login", "wandb", "wandb_login", "my_key", "pass"])
def test_forty_hexadecimal_digits_are_a_key_of_wandb_where_the_name_speaks_of_one(name):
    assert scrub({name: HEX40, "kept": HEX40}) == {"kept": HEX40}
    assert scrub_text(f"logger.{name}={HEX40} x") == f"logger.{name}=*** x"
    assert scrub({name: HEX40 + "ab"}) == {name: HEX40 + "ab"}  # not of W&B


@pytest.mark.parametrize(
    "key",
    [
        *("token", "hf_token", "apiKey", "api-key", "WANDB_API_KEY", "clientSecret", "AWS_SECRET_ACCESS_KEY"),
        *("engine.api_key", "auth", "db_password", "credentials", "private_key"),
        *("openai_key", "wandb_key", "WANDB_KEY", "ssh_key", "SSHKey", "signing_key", "deploy_key", "account_key"),
        *("api_tokens", "access_tokens", "api_keys", "connection_string", "connectionString", "SENTRY_DSN"),
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
        (f"wandb login --relogin {HEX40}", "wandb login --relogin ***"),
        (f"machine api.wandb.ai login user password {HEX40}", "machine api.wandb.ai login user password ***"),
        (f"keys=names model.revision={HEX40}", f"keys=names model.revision={HEX40}"),
        (f"git checkout {HEX40}", f"git checkout {HEX40}"),
        (f"content_key: {'0' * 64}", f"content_key: {'0' * 64}"),
        ("AccountName=a;AccountKey=bcd==;x=1", "AccountName=a;AccountKey=***;x=1"),
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
