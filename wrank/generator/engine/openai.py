"""Any server that speaks OpenAI's protocol: vLLM, SGLang, llama.cpp, a gateway, a hosted model."""

import asyncio
import contextlib
import importlib.util
import os
import queue
import random
import threading
import time
from collections.abc import Coroutine, Iterable, Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

from wrank.errors import WrankError
from wrank.files import short
from wrank.generator.engine.base import Engine
from wrank.generator.request import Reply, Request, by_text

_FIRST_PAUSE, _LONGEST_PAUSE = 0.5, 30.0  # seconds before a second try, and before any
_TRIES_AT_START = 3
_GO_ON = "Replies that came before are kept: once it is put right, the same command goes on from there."


class OpenAI(Engine):
    """Sends requests to a server, some at a time, and again when it is down for a while.

    Args:
        base_url: address up to and with ``/v1``.
        model: the model's name there; None: the only one the server has.
        api_key_env: name of the environment variable that holds the key; never written anywhere.
        concurrency: the most requests in flight.
        timeout: seconds for one reply.
        retries: further tries of a request after a failure of server or network; pauses double from 0.5 s to 30 s.
        extra_body: values added to every request's body, e.g. ``{top_k: 50}``.

    Raises:
        WrankError: a value out of its range.
    """

    name = "openai"

    def __init__(
        self,
        *,
        base_url: str = "http://localhost:8000/v1",
        model: str | None = None,
        api_key_env: str = "OPENAI_API_KEY",
        concurrency: int = 32,
        timeout: float = 600.0,
        retries: int = 8,
        extra_body: Mapping[str, Any] | None = None,
    ) -> None:
        if urlsplit(base_url).scheme not in ("http", "https") or not urlsplit(base_url).hostname:
            raise WrankError(f"generator.engine.base_url={base_url}: wanted an address like http://localhost:8000/v1.")
        for key, value, lowest in (("concurrency", concurrency, 1), ("retries", retries, 0)):
            if not isinstance(value, int) or value < lowest:
                raise WrankError(f"generator.engine.{key}={value}: wanted a whole number from {lowest} on.")
        if not timeout > 0:
            raise WrankError(f"generator.engine.timeout={timeout}: wanted seconds above 0.")
        self.base_url, self._model, self.window = base_url, model, concurrency
        self.api_key_env, self.timeout, self.retries = api_key_env, timeout, retries
        self.extra_body = dict(extra_body or {})
        self._client: Any = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._served: list[str] = []

    @property
    def model(self) -> str:  # type: ignore[override]
        """The model's name; asks the server when none was given."""
        if self._model is None and self._client is None:
            with self:
                return self.model
        if self._model is None:
            if len(self._served) != 1:
                found = ", ".join(self._served[:10]) or "none"
                raise WrankError(f"{self.base_url} serves {found}: name one of them with generator.engine.model=NAME.")
            self._model = self._served[0]
        return self._model

    def identity(self) -> dict[str, Any]:
        """Engine, the model's name, what is added to each body; not the address."""
        return {"engine": self.name, "model": self.model, "extra_body": self.extra_body}

    def start(self) -> None:
        """Asks the server for its models."""
        if self._client is not None:
            return
        if importlib.util.find_spec("openai") is None:
            raise WrankError(
                "generator/engine=openai needs the Python package openai: `pip install openai` or, in a "
                "checkout, `make install`."
            )
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="wrank-openai", daemon=True)
        self._thread.start()
        try:
            self._client = self._run(self._connect())
            self._served = self._run(self._list_models())
            _ = self.model
        except BaseException:
            self.close()
            raise

    def _run(self, work: Coroutine[Any, Any, Any]) -> Any:
        assert self._loop is not None
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    async def _connect(self) -> Any:
        import openai

        # a proxy of the environment must not stand between two processes of one machine
        here = urlsplit(self.base_url).hostname in ("localhost", "127.0.0.1", "::1")
        return openai.AsyncOpenAI(
            base_url=self.base_url,
            api_key=os.environ.get(self.api_key_env) or "none",
            timeout=self.timeout,
            max_retries=0,
            http_client=openai.DefaultAsyncHttpxClient(trust_env=False) if here else None,
        )

    async def _list_models(self) -> list[str]:
        import openai

        strange = (
            f"{self.base_url} answers, but not with a list of models: is it a server of OpenAI's protocol? Mostly the "
            "address ends in /v1."
        )
        try:
            page = await self._persist(lambda: self._client.models.list(), min(self.retries, _TRIES_AT_START - 1))
        except openai.APIStatusError as error:
            raise WrankError(f"{strange} ({self._clean(error)})") from error
        if not isinstance(getattr(page, "data", None), list):
            raise WrankError(strange)
        return [model.id for model in page.data]

    async def _persist(self, call: Any, retries: int) -> Any:
        """Calls until it works; a request that is wrong in itself raises BadRequestError and the like at once."""
        import openai

        for attempt in range(retries + 1):
            try:
                return await call()
            except (openai.AuthenticationError, openai.PermissionDeniedError, openai.NotFoundError) as error:
                raise self._refused(error) from error
            except openai.APIError as error:
                status = getattr(error, "status_code", None)
                if status is not None and status < 500 and status not in (408, 409, 425, 429):
                    raise
                reason = self._clean(error)
                if attempt == retries:
                    raise WrankError(
                        f"the server at {self.base_url} did not answer ({reason}; {attempt + 1} tries). Is it up, and "
                        f"is the address right? {_GO_ON}"
                    ) from error
                await asyncio.sleep(_pause(attempt, error))
        raise AssertionError("unreachable")

    def _refused(self, error: Any) -> WrankError:
        reason = self._clean(error)
        if error.status_code == 404:
            served = f" It serves {', '.join(self._served[:10])}." if self._served else ""
            return WrankError(
                f"{self.base_url} knows no such model or address ({reason}).{served} Look at generator.engine.model="
                f"{self._model} and at the address: mostly it ends in /v1."
            )
        return WrankError(
            f"{self.base_url} refused the key ({reason}): the environment variable {self.api_key_env} "
            f"{'holds one that is not accepted' if os.environ.get(self.api_key_env) else 'is not set'} "
            "(another variable: generator.engine.api_key_env)."
        )

    def _clean(self, error: BaseException) -> str:
        """One line of an error, without the key."""
        cause = error.__cause__
        text = " ".join(f"{type(error).__name__}: {error}{f' {cause}' if cause else ''}".split())[:400]
        key = os.environ.get(self.api_key_env)
        return text.replace(key, "***") if key else text

    def generate(self, requests: Iterable[Request]) -> Iterator[Reply]:
        """Answers requests as they finish."""
        if self._client is None or self._loop is None:
            raise RuntimeError("generate() before start()")
        source = iter(requests)
        done: queue.SimpleQueue[Reply | BaseException] = queue.SimpleQueue()
        tasks: set[Any] = set()
        open_requests = 0
        try:
            while True:
                while open_requests < self.window and (request := next(source, None)) is not None:
                    task = asyncio.run_coroutine_threadsafe(self._answer(request, done), self._loop)
                    tasks.add(task)
                    task.add_done_callback(tasks.discard)
                    open_requests += 1
                if not open_requests:
                    return
                result = done.get()
                open_requests -= 1
                if isinstance(result, BaseException):
                    raise result
                yield result
        finally:
            for task in list(tasks):
                task.cancel()

    async def _answer(self, request: Request, done: "queue.SimpleQueue[Reply | BaseException]") -> None:
        import openai

        started = time.monotonic()
        try:
            body = self._body(request)
            answer = await self._persist(lambda: self._client.chat.completions.create(**body), self.retries)
            done.put(_reply(request, answer, time.monotonic() - started))
        except openai.APIError as error:  # this request alone: too long, or a schema the server cannot hold to
            done.put(Reply(request.id, "", "error", 0, 0, time.monotonic() - started, self._clean(error)))
        except Exception as error:
            done.put(error)

    def _body(self, request: Request) -> dict[str, Any]:
        sampling, extra = request.sampling, dict(self.extra_body)
        if sampling.repetition_penalty != 1:
            extra.setdefault("repetition_penalty", sampling.repetition_penalty)
        schema = {"name": "answer", "strict": True, "schema": dict(request.schema)}
        held = {"response_format": {"type": "json_schema", "json_schema": schema}} if request.schema else {}
        return {
            "model": self.model,
            "messages": [dict(message) for message in request.messages],
            "temperature": sampling.temperature,
            "top_p": sampling.top_p,
            "max_tokens": sampling.max_tokens,
            "extra_body": extra or None,
            **held,
            **({"logprobs": True, "top_logprobs": request.logprobs} if request.logprobs else {}),
        }

    def facts(self) -> dict[str, Any]:
        """The server's host, the models it names."""
        return {"server": urlsplit(self.base_url).hostname, "served": self._served[:10]} if self._client else {}

    def close(self) -> None:
        """Gives up open requests and ends the thread."""
        loop, thread, self._loop, self._thread = self._loop, self._thread, None, None
        client, self._client = self._client, None
        if loop is None or thread is None:
            return
        with contextlib.suppress(Exception):
            asyncio.run_coroutine_threadsafe(_wind_up(client), loop).result(timeout=5.0)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(timeout=5.0)
        if not loop.is_running():
            loop.close()


async def _wind_up(client: Any) -> None:
    others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)
    if client is not None:
        await client.close()


def _pause(attempt: int, error: Any) -> float:
    """Seconds until the next try: what the server asks for, else doubled each time, spread by chance."""
    headers = getattr(getattr(error, "response", None), "headers", {})
    try:
        asked = float(headers.get("retry-after", ""))
    except ValueError:
        asked = 0.0
    waits = min(_LONGEST_PAUSE, _FIRST_PAUSE * 2**attempt) * random.uniform(0.75, 1.25)
    return min(_LONGEST_PAUSE, asked) if asked > 0 else waits


def _reply(request: Request, answer: Any, seconds: float) -> Reply:
    usage, choices = answer.usage, answer.choices or []
    read, written = (usage.prompt_tokens or 0, usage.completion_tokens or 0) if usage else (0, 0)
    if not choices:
        return Reply(request.id, "", "error", read, written, seconds, f"no choices in {short(str(answer))}")
    choice = choices[0]
    text, refusal = choice.message.content or "", getattr(choice.message, "refusal", None)
    logprobs = _logprobs(choice) if request.logprobs else None
    if choice.finish_reason == "length":
        return Reply(request.id, text, "length", read, written, seconds, logprobs=logprobs)
    if choice.finish_reason != "stop" or not text:
        error = f"finish {choice.finish_reason!r}, {'refusal: ' + refusal if refusal else f'{len(text)} characters'}"
        return Reply(request.id, text, "error", read, written, seconds, error)
    return Reply(request.id, text, "stop", read, written, seconds, logprobs=logprobs)


def _logprobs(choice: Any) -> list[dict[str, float]] | None:
    places = getattr(getattr(choice, "logprobs", None), "content", None)
    if not places:
        return None
    return [by_text((token.token, float(token.logprob)) for token in place.top_logprobs or [place]) for place in places]
