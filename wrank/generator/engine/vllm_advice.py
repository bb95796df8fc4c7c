"""What vLLM's last words mean, and what to do about it."""

import re

_RULES = (
    (
        r"No available memory for the cache blocks|larger than the available KV cache memory",
        "the memory for the KV cache is too small: raise generator.engine.gpu_memory_utilization (on a CPU: "
        "kv_cache_gib), or lower max_model_len",
    ),
    (
        r"Free memory on device .* less than desired GPU memory utilization",
        "another process holds memory of this GPU: end it, choose another GPU with CUDA_VISIBLE_DEVICES, or lower "
        "generator.engine.gpu_memory_utilization",
    ),
    (
        r"CUDA out of memory|OutOfMemoryError|CUDA error: out of memory|DefaultCPUAllocator: can't allocate|"
        r"MemoryError",
        "the model does not fit into memory: lower generator.engine.max_model_len or window, raise "
        "tensor_parallel_size (more GPUs a model), set quantization, or choose a smaller model; if it loaded but died "
        "later, lower gpu_memory_utilization",
    ),
    (
        r"max_model_len.{0,80}(is )?greater than the derived|larger than the maximum .{0,40}max_position_embeddings",
        "generator.engine.max_model_len is larger than the model's own context: lower it, or null for the model's",
    ),
    (
        r"Total number of attention heads .* must be divisible|must be divisible by tensor parallel size",
        "generator.engine.tensor_parallel_size must divide the model's number of attention heads",
    ),
    (
        r"GatedRepoError|Access to model .* is restricted|gated repo|401 Client Error",
        "the model's owner grants access on request: ask on its page, then `hf auth login`",
    ),
    (
        r"trust_remote_code=True|requires you to execute",
        "the model brings its own Python code: if you trust it, generator.engine.trust_remote_code=true",
    ),
    (
        r"architectures? .{0,200}(is|are) not supported|does not recognize this architecture|"
        r"has no vLLM implementation",
        "this vLLM does not know the model's architecture: a newer vLLM may, or generator/engine=transformers",
    ),
    (
        r"chat template cannot be used",
        "give an instruction-tuned model (its tokenizer comes with a chat template), not a base model",
    ),
    (
        r"OfflineModeIsEnabled|LocalEntryNotFoundError|HF_HUB_OFFLINE|couldn't connect to|Cannot find an appropriate "
        r"cached snapshot|Failed to resolve|Name or service not known|Max retries exceeded",
        "the model is not on this machine and the hub cannot be reached: give a folder, bundled:smollm2, or a network "
        "(HF_HUB_OFFLINE unset)",
    ),
    (
        r"RepositoryNotFoundError|Repository Not Found|RevisionNotFoundError|is not a valid model identifier|"
        r"404 Client Error|Invalid repository ID|Can't load the configuration",
        "no such model or revision: look for a misspelling, or `hf auth login` for a private one",
    ),
    (
        r"Cannot find any model weights|no file named model\.safetensors",
        "the model has no safetensors weights; pickled ones are not loaded "
        "(generator.engine.extra.load_format=auto allows them)",
    ),
    (
        r"Bfloat16 is only supported on GPUs|compute capability",
        "this GPU is too old for what was asked: generator.engine.dtype=half may help",
    ),
    (
        r"unexpected keyword argument|ValidationError.{0,40}(EngineArgs|ModelConfig)",
        "this version of vLLM does not know an argument: look at generator.engine.extra",
    ),
)
_KILLED = (
    "something killed it, mostly the system for want of memory: lower generator.engine.kv_cache_gib, max_model_len or "
    "replicas, or choose a smaller model"
)
_PREFIX = re.compile(r"^(\([\w+ =]+\) )*((INFO|WARNING|ERROR|DEBUG) [\d-]+ [\d:]+ \[[^\]]*\] ?)?")


def advice(log: str, signal: int | None) -> str:
    """What to do, by the messages that vLLM is known to leave; "" for unknown ones.

    Args:
        log: the end of what the process printed, and its last message.
        signal: the number of the signal that ended it; None: it ended by itself.
    """
    for pattern, text in _RULES:
        if re.search(pattern, log, re.DOTALL if ".{" in pattern else 0):
            return text
    # a process of vLLM's own that was killed is named by its exit code
    return _KILLED if signal == 9 or re.search(r"Failed core proc\(s\): .*: -9", log) else ""


def last_lines(log: str, count: int = 12) -> str:
    """The last lines of a log that say something, indented; without vLLM's prefixes and the inside of tracebacks."""
    lines = [_PREFIX.sub("", line.split("\r")[-1].rstrip()) for line in log.split("\n")]
    frames = [line.startswith('  File "') for line in lines]
    kept = [
        line
        for number, line in enumerate(lines)
        if line.strip(" ^~")
        and not frames[number]
        and not (number and frames[number - 1])
        and "Traceback (" not in line
    ]
    return "\n".join(f"  {line[:300]}" for line in kept[-count:])
