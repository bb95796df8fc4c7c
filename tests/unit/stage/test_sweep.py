"""Rows, names and references of a sweep's jobs."""

from wrank.stage.sweep import named_rows, sweep_tables, wanted_row


def job(*overrides, name="own", base="m", loss="kl", **facts):
    evaluations = {base: {"s": f"store/{base}"}, name: {"s": f"store/{name}"}}
    return {
        "overrides": list(overrides),
        "choices": {"loss": loss},
        "name": name,
        "base_name": base,
        "reference": base,
        "asked": None,
        "alpha": 0.05,
        "sets": [{"name": "s"}],
        "collections": {"s": "f"},
        "evaluations": evaluations,
    } | facts


def test_names_hold_what_is_not_the_same_in_all_jobs():
    jobs = [job("data=s", "loss=kl", f"experiment={name}", "seed=1") for name in ("one", "two")]
    assert list(named_rows(jobs)) == ["m kl experiment=one", "m kl experiment=two"]


def test_only_the_seed_makes_no_row():
    rows = named_rows([job("loss=kl", "seed=0"), job("loss=kl", "++seed=1"), job("loss=kl", "data.seed=1")])
    assert {name: len(jobs) for name, jobs in rows.items()} == {"m kl": 2, "m kl data.seed=1": 1}


def test_rows_never_share_a_name():
    two = [job("model=path", f"model.path=runs{place}/m", "seed=0") for place in (1, 2)]
    assert list(named_rows(two)) == ["m kl model.path=runs1/m", "m kl model.path=runs2/m"]
    other = job("model=path", "model.path=runs3/n", "seed=0", base="n")
    assert list(named_rows([two[0], other])) == ["m kl", "n kl"]
    turned = [job("a=1", "b=2"), job("b=2", "a=1")]
    assert list(named_rows(turned)) == ["m kl", "m kl (2)"]


def test_a_row_is_wanted_by_name_job_or_a_word_of_its_own():
    ws2 = [job("loss=ws2", *more, loss="ws2", name=name) for name, more in (("b", ()), ("c", ("x=1",)))]
    rows = named_rows([job("loss=kl", name="a"), *ws2])
    assert list(rows) == ["m kl", "m ws2", "m ws2 x=1"]
    asked = {"m kl": "a", "kl": "a", "loss=kl": "a", "a": "a", "m ws2": "b", "x=1": "c", "ws2 x=1": "c", "c": "c"}
    for words, name in asked.items():
        row = wanted_row(words, rows)
        assert row is not None, words
        assert rows[row][0]["name"] == name, words
    assert [wanted_row(words, rows) for words in ("m", "ws2", "q")] == [None, None, None]


def test_evaluated_models_alone_stand_in_one_table():
    """Each is its own job's reference: the first is the table's."""
    jobs = [job(f"model={name}", name=name, base=name, loss="", reference=name) for name in ("tiny", "minilm")]
    (table,) = sweep_tables(jobs)
    assert (list(table.rows), table.reference, table.unmet) == (["tiny", "minilm"], "tiny", None)


def test_a_reference_beside_one_jobs_own_system_joins_all_jobs():
    jobs = [job(f"model={base}", name=f"{base}-kl", base=base, asked="tiny") for base in ("tiny", "minilm")]
    (table,) = sweep_tables(jobs)
    assert (list(table.rows), table.reference) == (["tiny kl", "minilm kl"], "tiny")
    assert [table.reference for table in sweep_tables([one | {"asked": None} for one in jobs])] == ["tiny", "minilm"]
