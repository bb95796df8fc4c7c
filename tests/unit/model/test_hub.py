import socket
from types import SimpleNamespace

import httpx
import pytest
from huggingface_hub import constants, errors

from wrank.errors import WrankError
from wrank.model import hub


@pytest.fixture
def ask(monkeypatch, tmp_path):
    """Let the hub answer with an error, or with a list of files; its cache is an empty folder."""

    def answer(outcome):
        def model_info(self, model_id, **given):
            if isinstance(outcome, Exception):
                raise outcome
            return SimpleNamespace(sha="0" * 40, siblings=[SimpleNamespace(rfilename=name) for name in outcome])

        def refuse(*arguments, **given):
            if given.get("local_files_only"):
                raise errors.LocalEntryNotFoundError("not in the cache")
            fetched.append(given)
            return str(tmp_path)

        monkeypatch.setattr(hub.HfApi, "model_info", model_info)
        monkeypatch.setattr(hub, "snapshot_download", refuse)

    fetched = []
    answer.fetched = fetched
    return answer


def _response(status):
    return httpx.Response(status, request=httpx.Request("GET", "https://hub/api"))


@pytest.mark.parametrize(
    ("outcome", "message"),
    [
        (
            httpx.ConnectError("no route"),
            r"owner/name.*cannot be reached \(ConnectError: no route\).*model=minilm.*model=tiny",
        ),
        (errors.RepositoryNotFoundError("404", response=_response(404)), "misspelt.*model=minilm"),
        (errors.RevisionNotFoundError("404", response=_response(404)), "not this revision"),
        (errors.GatedRepoError("403", response=_response(403)), "grants access"),
        (
            ["pytorch_model.bin", "config.json"],
            r"only as pickle \(pytorch_model.bin\).*huggingface.co/owner/name/discussions",
        ),
        (["config.json"], "no weights"),
    ],
)
def test_what_went_wrong_is_said_and_the_way_out_named(ask, outcome, message):
    ask(outcome)
    with pytest.raises(WrankError, match=message):
        hub.hub_folder("owner/name", revision=None, code=False)
    assert ask.fetched == []


def test_pickles_are_never_fetched_and_code_only_when_trusted(ask):
    ask(["model.safetensors", "pytorch_model.bin", "own.py"])
    hub.hub_folder("owner/name", revision="main", code=False)
    hub.hub_folder("owner/name", revision="main", code=True)
    plain, trusted = (given["allow_patterns"] for given in ask.fetched)
    assert "*.safetensors" in plain
    assert not {"*.bin", "*.pt", "*.py"} & set(plain)
    assert set(trusted) - set(plain) == {"*.py"}
    assert ask.fetched[0]["revision"] == "0" * 40


def test_an_id_that_cannot_be_is_refused_without_asking():
    with pytest.raises(WrankError, match="neither a folder here nor an id"):
        hub.hub_folder("no such name", revision=None, code=False)


def test_a_hub_that_does_not_answer_is_given_up(monkeypatch, tmp_path):
    monkeypatch.setattr(hub, "_SECONDS", 0.3)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        address = f"http://127.0.0.1:{silent.getsockname()[1]}"
        monkeypatch.setattr(hub, "HfApi", lambda: _api(address))
        with pytest.raises(WrankError, match=r"cannot be reached.*imeout"):
            hub.hub_folder("owner/name", revision=None, code=False)


def _api(address):
    from huggingface_hub import HfApi

    return HfApi(endpoint=address)
