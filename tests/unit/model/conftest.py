"""Small models in folders: encoders and decoders with random weights and the byte tokenizer."""

import pytest
import torch
import transformers

from wrank.model.tiny import byte_tokenizer

_SIZE = {
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 64,
    "pad_token_id": 0,
}
_CONFIGS = {
    "bert": lambda **size: transformers.BertConfig(**_SIZE, **size, max_position_embeddings=64),
    "distilbert": lambda **size: transformers.DistilBertConfig(
        **size, dim=32, n_layers=2, n_heads=2, hidden_dim=64, max_position_embeddings=64
    ),
    "gpt2": lambda **size: transformers.GPT2Config(**size, n_embd=32, n_layer=2, n_head=2, n_positions=64),
    "llama": lambda **size: transformers.LlamaConfig(
        **_SIZE, **size, num_key_value_heads=2, max_position_embeddings=64
    ),
    "modernbert": lambda **size: transformers.ModernBertConfig(
        **_SIZE, **size, max_position_embeddings=64, local_attention=8, global_attn_every_n_layers=2
    ),
    "mpnet": lambda **size: transformers.MPNetConfig(**_SIZE, **size, max_position_embeddings=66),
    "qwen2": lambda **size: transformers.Qwen2Config(
        **_SIZE, **size, num_key_value_heads=2, max_position_embeddings=64
    ),
    "roberta": lambda **size: transformers.RobertaConfig(**_SIZE, **size, max_position_embeddings=64),
    "t5": lambda **size: transformers.T5Config(**size, d_model=32, d_kv=16, d_ff=64, num_layers=2, num_heads=2),
}


@pytest.fixture
def model_folder(tmp_path):
    """Make a plain transformers folder of one architecture: ``model_folder("llama", dropout=...)``."""

    def make(architecture, decoder_texts=False, **changes):
        tokenizer = byte_tokenizer(decoder=decoder_texts)
        config = _CONFIGS[architecture](vocab_size=len(tokenizer))
        config.update(changes)
        with torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(1)
            kind = transformers.AutoModelForTextEncoding if architecture == "t5" else transformers.AutoModel
            model = kind.from_config(config)
        folder = tmp_path / f"{architecture}-folder"
        model.save_pretrained(folder)
        tokenizer.save_pretrained(folder)
        return folder

    return make
