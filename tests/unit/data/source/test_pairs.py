import gzip
import logging

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from wrank.data.source import pair_reader, pairs
from wrank.data.source.pairs import PairsFile
from wrank.data.table import TextTable
from wrank.errors import WrankError

WANTED = {"q1": {"a": 2.5, "b": -1.0}, "q 2": {"é": 0.5}}
FLAT = [(query, passage, score) for query, scores in WANTED.items() for passage, score in scores.items()]
STRINGS = (pa.string(), pa.string())
TYPES = (*STRINGS, pa.float64())


@pytest.fixture
def tables(tmp_path):
    queries = TextTable.build([("q1", "one"), ("q 2", "two"), ("q3", "three")], tmp_path / "queries")
    passages = TextTable.build([(id, id) for id in ("a", "b", "é", "d", "e")], tmp_path / "passages")
    return queries, passages


@pytest.fixture
def load(tables, tmp_path):
    def load(path, **settings):
        return PairsFile(str(path), **settings).load(*tables, tmp_path / "cache")

    return load


def parquet(path, rows=FLAT, types=TYPES, names=("query_id", "passage_id", "score")):
    columns = list(zip(*rows, strict=True)) or [[], [], []]
    arrays = [pa.array(list(column), kind) for column, kind in zip(columns, types, strict=True)]
    pq.write_table(pa.table(dict(zip(names, arrays, strict=True))), path, row_group_size=2)
    return path


def text(path, content):
    data = content.encode()
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)
    return path


def lines(form):
    return "".join(form.format(query=query, passage=passage, score=score) + "\n" for query, passage, score in FLAT)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("p.run", lines("{query}\tQ0\t{passage}\t1\t{score}\ttag")),
        ("p.trec.gz", lines("{query}\t0\t{passage}\t{score}")),
        ("p.tsv", lines("{query}\t{passage}\t{score}")),
        ("p.tsv.gz", "query-id\tcorpus-id\tscore\r\n" + lines("{query}\t{passage}\t{score}\r")),
        (
            "p.jsonl",
            '{"qid": "q1", "docid": ["a", "b"], "score": [2.5, -1]}\n{"qid": "q 2", "docid": ["é"], "score": [0.5]}',
        ),
    ],
)
@pytest.mark.parametrize("fast", [True, False])
def test_each_form_of_text_is_read_the_same_fast_and_slow(load, tmp_path, monkeypatch, name, content, fast):
    if not fast:
        content = content.replace("\n", "\n\n", 1)  # a blank line is for the strict reader alone
    if name in ("p.run", "p.trec.gz"):
        content = content.replace("q 2", "q3")  # white space separates these columns
    if fast and "jsonl" not in name:
        monkeypatch.setattr(pair_reader, "_strict_rows", None)
    got = load(text(tmp_path / name, content))
    assert {query.replace("q3", "q 2"): dict(scores) for query, scores in got.items()} == WANTED
    assert got.notes == {"repeated_judgements": 0, "unknown_pairs": 0}


@pytest.mark.parametrize(
    "types",
    [
        TYPES,
        (pa.large_string(), pa.large_string(), pa.float32()),
        (pa.dictionary(pa.int32(), pa.string()), pa.string(), pa.float32()),
    ],
)
def test_parquet_of_each_type_is_read_and_further_columns_are_not(load, tmp_path, types):
    path = tmp_path / "mined"
    path.mkdir()
    parquet(path / "pairs.parquet", FLAT, types)
    assert load(path) == WANTED
    table = pq.read_table(path / "pairs.parquet").append_column("rank", pa.array([1, 2, 1]))
    pq.write_table(table.select(["rank", "score", "query_id", "passage_id"]), tmp_path / "other.parquet")
    assert load(tmp_path / "other.parquet") == WANTED


def test_ids_and_scores_may_be_whole_numbers(tmp_path):
    queries = TextTable.build([("1", "one")], tmp_path / "q")
    passages = TextTable.build([("10", "x"), ("11", "y")], tmp_path / "p")
    path = parquet(tmp_path / "n.parquet", [(1, 10, 3), (1, 11, -3)], (pa.int64(), pa.int32(), pa.int8()))
    assert PairsFile(str(path)).load(queries, passages, tmp_path / "cache") == {"1": {"10": 3.0, "11": -3.0}}


def test_pairs_in_any_order_give_what_grouped_ones_give(load, tmp_path):
    rows = [FLAT[0], FLAT[2], FLAT[1], FLAT[0]]
    got = load(parquet(tmp_path / "mixed.parquet", rows))
    assert got == WANTED
    assert list(got) == ["q1", "q 2"]
    assert got.notes["repeated_judgements"] == 1


def test_unknown_ids_are_an_error_with_three_examples_or_are_skipped_and_counted(load, tmp_path):
    rows = [
        ("q1", "a", 1.0),
        ("x1", "a", 1.0),
        ("q1", "y1", 1.0),
        ("q1", "y2", 2.0),
        ("q1", "y1", 3.0),
        ("x2", "y3", 1.0),
    ]
    path = parquet(tmp_path / "u.parquet", rows)
    message = (
        r"u.parquet:2: 5 ids are not in the queries or passages: query 'x1' \(line 2\), passage 'y1' \(line 3\), "
        r"passage 'y2' \(line 4\), \.\.\.$"
    )
    with pytest.raises(WrankError, match=message):
        load(path)
    skipped = load(path, unknown="skip")
    assert skipped == {"q1": {"a": 1.0}}
    assert skipped.notes["unknown_pairs"] == 5
    assert load(path, unknown="skip").notes["unknown_pairs"] == 5  # mapped from the cache
    with pytest.raises(WrankError, match=r"none of its 5 pairs has a known query and passage"):
        load(parquet(path, rows[1:]), unknown="skip")


def test_what_was_read_is_mapped_the_second_time_and_a_changed_file_is_read_anew(load, tmp_path, monkeypatch):
    path = parquet(tmp_path / "p.parquet")
    load(path)
    monkeypatch.setattr(pairs, "gather", None)
    assert load(path) == WANTED
    monkeypatch.undo()
    parquet(path, [("q1", "a", 7.0)])
    assert load(path) == {"q1": {"a": 7.0}}


def test_the_content_names_file_form_and_settings(tmp_path):
    path = parquet(tmp_path / "p.parquet")
    contents = {PairsFile(str(path), unknown=word).content(None) for word in ("error", "skip")}
    parquet(path, FLAT[:1])
    assert len(contents | {PairsFile(str(path)).content(None)}) == 3


@pytest.mark.parametrize("form", ["run", "parquet"])
@pytest.mark.parametrize(
    ("scores", "warned"), [((1, 2, 3), True), ((3, 2, 1), False), ((1, 2), False), ((1, 2, 2), False)]
)
def test_ranks_in_the_place_of_scores_are_warned_of_once(load, tmp_path, caplog, form, scores, warned):
    rows = [
        (query, passage, float(score)) for query in ("q1", "q3") for passage, score in zip("abd", scores, strict=False)
    ]
    path = tmp_path / f"ranks.{form}"
    if form == "parquet":
        parquet(path, rows)
    else:
        text(path, "".join(f"{q} Q0 {p} 1 {score} t\n" for q, p, score in rows))
    with caplog.at_level(logging.WARNING):
        load(path)
        load(path)
    assert (
        sum("look like ranks" in record.message and "negate" in record.message for record in caplog.records) == warned
    )


MALFORMED = [
    ("p.run", "q1 Q0 a 1 2.5 t\nq1 Q0 b 2 2.5\n", r"p.run:2: 5 columns, wanted 6"),
    ("p.run", "q1 Q0 a 1 nan t\n", r"p.run:1: score 'nan' is not a finite number"),
    ("p.run", "q1 Q0 a 1 2.5 t\n\nq1 Q0 b 2 high t\n", r"p.run:3: score 'high' is not a finite number"),
    ("p.run", "q1 Q0 a 1 2 t\nq1 Q0 a 2 1 t\n", r"p.run:2: passage 'a' has 1 for query 'q1', but 2 in line 1"),
    ("p.run", "q1 Q0 a 1 2 t\nq1 Q0 z 2 1 t\n", r"p.run:2: 1 ids are not in .* passage 'z' \(line 2\)"),
    ("p.tsv", "", r"p.tsv: empty"),
    ("p.tsv", "q1 a 2\n", r"p.tsv:1: 3 columns; wanted .* tabs, not spaces"),
    ("p.tsv", "q1\ta\n", r"p.tsv:1: 2 columns; wanted query-id Q0"),
    ("p.tsv", "q1\ta\t1\nq1\t\t1\n", r"p.tsv:2: an empty column"),
    ("p.tsv", "query-id\tcorpus-id\tscore\n", r"p.tsv: no pair in it"),
    ("p.tsv", "q1\ta\t1\nq1\tb\t1e999\n", r"p.tsv:2: score '1e999' is not a finite number"),
    ("p.trec", "q1\t0\ta\t1\nq 2\t0\tb\t1\n", r"p.trec:2: 5 columns, wanted 4"),
    ("p.trec", "q1 0 a 1\nq1 0 b\n", r"p.trec:2: 3 columns, wanted 4"),
    ("p.jsonl", '{"qid": "q1", "docid": ["a"], "score": [1, 2]}', r"p.jsonl:1: wanted 'docid' and 'score', two lists"),
    ("p.jsonl", '{"qid": "q1", "docid": ["a"]', r"p.jsonl:1: not valid JSON"),
    ("p.parquet", "PAR1 and no more", r"p.parquet: not a whole Parquet file"),
]


@pytest.mark.parametrize(("name", "content", "message"), MALFORMED)
def test_malformed_texts_are_named_with_their_line(load, tmp_path, name, content, message):
    with pytest.raises(WrankError, match=message):
        load(text(tmp_path / name, content))


@pytest.mark.parametrize(
    ("rows", "types", "message"),
    [
        ([], TYPES, r"p.parquet: no row"),
        ([("q1", "a", 1), ("q1", "b", None)], TYPES, r"p.parquet:2: the score is None"),
        ([*FLAT, ("q1", "d", float("nan"))], TYPES, r"p.parquet:4: the score is nan"),
        ([*FLAT, ("q1", None, 1.0)], TYPES, r"p.parquet:4: the passage_id is missing"),
        ([*FLAT, ("", "a", 1.0)], TYPES, r"p.parquet:4: the query_id is empty"),
        (
            [("q1", "a", "1")],
            (*STRINGS, pa.string()),
            r"p.parquet: the column 'score' is of type string; wanted numbers",
        ),
        ([(1.0, "a", 1)], (pa.float64(), pa.string(), pa.int64()), r"'query_id' is of type double; wanted strings"),
        ([*FLAT, ("q1", "b", 3.0)], TYPES, r"p.parquet:4: .* has 3 .* but -1 in line 2"),
    ],
)
def test_malformed_parquet_files_are_named_with_their_row(load, tmp_path, rows, types, message):
    with pytest.raises(WrankError, match=message):
        load(parquet(tmp_path / "p.parquet", rows, types))


def test_a_missing_column_names_those_that_are_there(load, tmp_path):
    with pytest.raises(WrankError, match=r"no column 'passage_id'; the columns there are query_id, docid, score"):
        load(parquet(tmp_path / "p.parquet", names=("query_id", "docid", "score")))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"kind": "csv"}, "kind is 'csv'; wanted auto, qrels, run, parquet"),
        ({"unknown": "drop"}, "unknown is 'drop'; wanted error or skip"),
    ],
)
def test_words_that_mean_nothing_are_refused(tmp_path, settings, message):
    with pytest.raises(WrankError, match=message):
        PairsFile(str(parquet(tmp_path / "p.parquet")), **settings)


def test_a_file_of_another_kind_a_missing_one_and_an_empty_folder_are_named(load, tmp_path):
    with pytest.raises(WrankError, match=r"kind is 'run', but the first line is that of a file of form tsv"):
        load(text(tmp_path / "p.tsv", "q1\ta\t1\n"), kind="run")
    with pytest.raises(WrankError, match=r"no such file; wanted judgements, a TREC run"):
        load(tmp_path / "none.run")
    with pytest.raises(WrankError, match=r"no pairs.parquet in that folder; `wrank mine` and `wrank score` write one"):
        load(tmp_path)


@pytest.mark.parametrize("space", ["\u00a0", "\u3000", "\x1c", "\x0b", "\u2003"])
def test_white_space_of_any_kind_separates_columns_in_both_readers(load, tmp_path, space):
    got = load(text(tmp_path / "p.trec", f"q1\t0\ta{space}\t1\nq1\t0\tb\t2\n"))
    assert got == {"q1": {"a": 1.0, "b": 2.0}}
