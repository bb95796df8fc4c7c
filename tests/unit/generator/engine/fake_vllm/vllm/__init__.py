"""Stands in for vLLM where its process is tested: one token a step, words from a fixed answer, faults on demand.

Faults by model name at the start, by user message later; see the code.
"""

import json
import os
import signal
import subprocess
import sys
import time
from types import SimpleNamespace

__version__ = "0.0.fake"


class SamplingParams:
    def __init__(
        self, *, temperature, top_p, max_tokens, repetition_penalty, structured_outputs, output_kind, logprobs=None
    ):
        self.max_tokens, self.schema = max_tokens, structured_outputs.json if structured_outputs else None
        self.logprobs = logprobs


class _Tokenizer:
    def apply_chat_template(self, messages, tokenize, add_generation_prompt, **chat):
        if any(message["role"] == "system" for message in messages) and os.environ.get("FAKE_NO_SYSTEM"):
            raise RuntimeError("no system role")
        if os.environ.get("FAKE_NO_TEMPLATE"):
            raise ValueError("there is no template")
        return " ".join(message["content"] for message in messages) + "".join(f" {key}" for key in chat)

    def encode(self, text, add_special_tokens):
        assert not add_special_tokens
        self.seen = text
        return text.split(" ")


_LOGPROBS = {
    number: SimpleNamespace(decoded_token=text, logprob=logprob)
    for number, (text, logprob) in enumerate([("2", -0.5), ("1", -1.5), ("2", -2.5), ("x", float("-inf"))])
}


class _Engine:
    def __init__(self, arguments):
        self.arguments, self.work, self.aborted = arguments, {}, []
        model = SimpleNamespace(max_model_len=arguments["max_model_len"], dtype="torch.fake")
        cache = SimpleNamespace(num_gpu_blocks=10, block_size=16)
        self.vllm_config = SimpleNamespace(model_config=model, cache_config=cache)

    def add_request(self, name, prompt, parameters):
        words = prompt["prompt_token_ids"]
        if "refuse" in words:
            raise ValueError("the schema cannot be held to")
        self.work[name] = [words, parameters, 0]

    def abort_request(self, names):
        for name in names:
            del self.work[name]
            self.aborted.append(name)

    def step(self):
        time.sleep(0.002)
        done = []
        for name, entry in list(self.work.items()):
            words, parameters, written = entry
            entry[2] += 1
            if "die" in words:
                print("RuntimeError: it broke down", flush=True)
                os._exit(7)
            if "killed" in words:
                os.kill(os.getpid(), signal.SIGKILL)
            if "oom" in words:
                raise RuntimeError("CUDA out of memory. Tried to allocate 2 GiB")
            if "stop" in words:
                os.kill(os.getpid(), signal.SIGSTOP)
            if "forever" in words or written < 3:
                continue
            finish = "length" if parameters.max_tokens < 3 else "stop"
            facts = {"words": words, "gpus": os.environ.get("CUDA_VISIBLE_DEVICES"), "aborted": self.aborted}
            facts |= {"seed": self.arguments["seed"], "cache": os.environ.get("VLLM_CPU_KVCACHE_SPACE")}
            facts |= {"arguments": self.arguments, "at_once": len(self.work), "pid": os.getpid()}
            facts |= {"schema": parameters.schema, "logprobs": parameters.logprobs}
            text = SimpleNamespace(text=json.dumps(facts), token_ids=[1, 2, 3], finish_reason=finish)
            text.logprobs = parameters.logprobs and [_LOGPROBS] * 3
            done.append(SimpleNamespace(request_id=name, finished=True, outputs=[text]))
            del self.work[name]
        return done


class LLM:
    def __init__(self, model, **arguments):
        name = model.rpartition("/")[2]
        print("INFO 11-23 01:02:13 [default_loader.py:501] chatter that is no message", flush=True)
        if name == "missing":
            raise OSError("x/missing is not a local folder and is not a valid model identifier")
        if name == "noise":
            print("(EngineCore pid=1) ERROR 11-23 01:02:13 [core.py:1] No available memory for the cache blocks.")
            raise RuntimeError("Engine core initialization failed. See root cause above.")
        if name == "slow":
            time.sleep(600)
        if name == "child":  # stands for vLLM's own processes; holds every inherited descriptor that it can
            self.child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], close_fds=False)
        self.llm_engine = _Engine(arguments)

    def get_tokenizer(self):
        return _Tokenizer()
