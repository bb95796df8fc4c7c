import pytest

from wrank.generator.engine.vllm_advice import advice, last_lines

# messages as vLLM 0.11 to 0.32, transformers and huggingface_hub write them
SAID = {
    "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has": "max_model_len",
    "ValueError: No available memory for the cache blocks. Try increasing `gpu_memory_utilization`": "kv_cache_gib",
    "ValueError: To serve at least one request with the models's max seq len (131072), 16.0 GiB KV cache is needed, "
    "which is larger than the available KV cache memory (5.2 GiB).": "kv_cache_gib",
    "ValueError: Free memory on device cuda:0 (10.0/79.1 GiB) on startup is less than desired GPU memory utilization "
    "(0.9, 71.2 GiB).": "another process",
    "OSError: x/missing is not a local folder and is not a valid model identifier listed on": "misspelling",
    "huggingface_hub.errors.RepositoryNotFoundError: 404 Client Error.": "misspelling",
    "huggingface_hub.errors.LocalEntryNotFoundError: Cannot find an appropriate cached snapshot folder": "network",
    "OSError: We couldn't connect to 'https://huggingface.co' to load the files": "network",
    "huggingface_hub.errors.GatedRepoError: 401 Client Error.": "hf auth login",
    "ValueError: Model architectures ['FooForCausalLM'] are not supported for now.": "newer vLLM",
    "ValueError: The checkpoint you are trying to load has model type `foo` but Transformers does not recognize this "
    "architecture.": "newer vLLM",
    "ValueError: Loading x requires you to execute the configuration file in that repo": "trust_remote_code=true",
    "ValueError: User-specified max_model_len (100000) is greater than the derived max_model_len "
    "(max_position_embeddings=8192 or model_max_length=None in model's config.json).": "lower it",
    "ValueError: Total number of attention heads (9) must be divisible by tensor parallel size (2).": "divide",
    "RuntimeError: Cannot find any model weights with `x`": "load_format=auto",
    "ValueError: the chat template cannot be used: there is none": "instruction-tuned",
    "ValueError: Bfloat16 is only supported on GPUs with compute capability of at least 8.0.": "dtype=half",
    "TypeError: EngineArgs.__init__() got an unexpected keyword argument 'swap'": "extra",
}


@pytest.mark.parametrize("message", SAID)
def test_known_messages_bring_advice(message):
    assert SAID[message] in advice(f"chatter\n{message}\nmore", None)


def test_a_kill_without_a_message_is_put_down_to_memory():
    assert "want of memory" in advice("all was well", 9)
    assert "want of memory" in advice("RuntimeError: ... Failed core proc(s): {'EngineCore': -9}", 1)
    assert advice("all was well", 15) == ""
    assert advice("all was well", None) == ""


def test_last_lines_are_without_prefixes_bars_and_frames():
    log = (
        "one\n"
        "Loading:  10%\rLoading: 100%\n"
        "(EngineCore pid=12) ERROR 11-23 01:02:13 [core.py:1] Traceback (most recent call last):\n"
        '(EngineCore pid=12) ERROR 11-23 01:02:13 [core.py:1]   File "/a/core.py", line 3, in run\n'
        "(EngineCore pid=12) ERROR 11-23 01:02:13 [core.py:1]     secret = call(\n"
        "(EngineCore pid=12) ERROR 11-23 01:02:13 [core.py:1]              ^^^^^\n"
        "(EngineCore pid=12) ERROR 11-23 01:02:13 [core.py:1] ValueError: the cause\n"
        "\n"
    )
    assert last_lines(log) == "  one\n  Loading: 100%\n  ValueError: the cause"
    assert last_lines(log, 1) == "  ValueError: the cause"
    assert last_lines("") == ""
