"""A small store written by hand: manifests and evaluations as `wrank run` leaves them, without any weights."""

import hashlib
import json

from wrank.store import Stage, Store
from wrank.tracking.report.library import Library
from wrank.tracking.report.weights import CACHE

MEASURE = "nDCG@10"


def fingerprint(words):
    """Of weights, or of a collection."""
    return hashlib.sha256(words.encode()).hexdigest()


class Made:
    """Adds artifacts to a store; what a training's weights are called is kept where the library looks it up."""

    def __init__(self, root):
        self.store, self.known = Store(root / "store"), {}

    @property
    def library(self):
        (self.store.root / CACHE).write_text(json.dumps(self.known))
        return Library(self.store)

    def training(self, loss="kl", seed=0, *, study="demo", base="base", curves=None, result=None, best=None, **config):
        """`best`: the fingerprint of its best weights, where it keeps them."""
        name = config.pop("name", f"m-{loss}-s{seed}")
        inputs = {"collection": fingerprint("news/train"), "model": fingerprint(base)} | config.pop("inputs", {})
        details = {"collection": config.pop("trained_on", "news"), "generation": config.pop("generation", None)}
        details |= {"study": study, "choices": {"loss": loss, "model": "m"}, "tags": config.pop("tags", [])}
        stage = Stage(
            "model", name, {"loss": {"_target_": loss}, "seed": seed, **config}, inputs, {"seed": seed}, details
        )

        def work(folder):
            (folder / "last").mkdir()
            (folder / "last" / "w").write_text(stage.key)
            if best is not None:
                (folder / "best").mkdir()
                (folder / "best" / "w").write_text(best)
            if curves is not None:
                (folder / "metrics.csv").write_text(curves)
            return {"best_step": 0, **(result or {})}

        artifact = self.store.run(stage, work)
        self.known[json.dumps([artifact.content_key, "last", None, None])] = fingerprint(stage.key)
        self.known[json.dumps([artifact.content_key, "best", None, None])] = best or ""
        return artifact

    def evaluation(self, values, *, training=None, name="base", where="news", fp=None, best=None, **config):
        """Of a training, or of something that came from outside."""
        system = training.manifest["name"] if training else name
        weights = best or (fingerprint(training.manifest["key"]) if training else fp or fingerprint(name))
        measures = config.pop("measures", [MEASURE])
        whole = {"depth": 10, "index": None, "measures": measures, "split": "test", **config}
        inputs = {"collection": fingerprint(f"{where}/test"), "model": weights}
        details = {"collection": where.partition("#")[0], "split": "test", "model": system}

        def work(folder):
            rows = [{"query_id": f"q{place}"} | dict.fromkeys(measures, value) for place, value in enumerate(values)]
            (folder / "per_query.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
            means = dict.fromkeys(measures, sum(values) / len(values))
            (folder / "measures.json").write_text(json.dumps(means))
            (folder / "run.trec").write_text(system + json.dumps(whole) + where)
            return {"measures": means}

        return self.store.run(Stage("evaluation", f"{where}-test-{system}", whole, inputs, {}, details), work)

    def comparison(self, evaluations, *, study="demo", reference="base", in_domain=()):
        """`evaluations`: (system, set) -> artifact."""
        sets = list(dict.fromkeys(where for _, where in evaluations))
        rules = [{"name": one, "main": MEASURE, "group": one, "in_domain": one in in_domain} for one in sets]
        keys = {f"{system}/{where}/0": one.content_key for (system, where), one in evaluations.items()}
        stage = Stage(
            "comparison",
            f"{study}-x",
            {"reference": reference, "alpha": 0.05, "sets": rules},
            {"evaluations": fingerprint(json.dumps(keys))},
            {},
            {"evaluations": keys, "study": study},
        )
        return self.store.run(stage, lambda folder: (folder / "x").write_text(json.dumps(keys)) and None)


def a_study(root, *, losses=("kl", "ws2"), seeds=3, queries=12):
    """A base, and trainings that are 0.2 (kl) and 0.0 (ws2) better than it on every query, give or take by seed."""
    made = Made(root)
    base = [0.2 + 0.02 * place for place in range(queries)]
    made.evaluation(base)
    gains = {"kl": 0.2, "ws2": 0.0}
    for loss in losses:
        for seed in range(seeds):
            training = made.training(loss, seed)
            values = [value + gains[loss] + 0.01 * (seed - 1) for value in base]
            made.evaluation(values, training=training)
    return made
