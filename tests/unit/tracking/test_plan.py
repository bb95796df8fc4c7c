"""The table of jobs before they are queued, and that of a search's trials."""

from types import SimpleNamespace

from wrank.tracking.plan import print_plan, print_search

ROWS = {
    **{"steps": 10, "hours": 0.5, "gpu_hours": 2.0, "tokens": 1000, "disk_gb": 1.5, "memory_gb": 3.25},
    **{"basis": "m-1, same model and trainer"},
}


def job(name, *problems, rows=ROWS, **apart):
    return name, apart, SimpleNamespace(problems=problems, rows=rows)


def cells(text, name):
    line = next(line for line in text.split("\n") if f" {name} " in line)
    return [cell.strip() for cell in line.split("│")[1:-1]]


def test_each_job_has_a_row_with_what_tells_it_apart_and_sums_stand_below(capsys):
    print_plan([job("#0", loss="kl", seed="0"), job("#1", loss="ws2")])
    shown = capsys.readouterr().out
    assert cells(shown, "#0") == ["", "#0", "kl", "0", "10", "0.50", "2.00", "1,000", "1.50", "3.25"]
    assert cells(shown, "#1")[2:4] == ["ws2", ""]
    assert cells(shown, "all")[4:] == ["20", "1.00", "4.00", "2,000", "3.00", ""]  # memory is no sum
    assert "time taken from m-1, same model and trainer" in shown


def test_what_is_not_known_is_no_zero(capsys):
    print_plan([job("#0"), job("#1", rows=ROWS | {"hours": "unknown", "basis": "unknown"})])
    shown = capsys.readouterr().out
    assert cells(shown, "#1")[3] == "?"
    assert cells(shown, "all")[3] == "0.50+"
    assert "?: not known" in shown
    assert "taken from unknown" not in shown


def test_a_little_is_not_nothing(capsys):
    print_plan([job("#0", rows=ROWS | {"hours": 0.001, "gpu_hours": 0.0})])
    assert cells(capsys.readouterr().out, "#0")[3:5] == ["< 0.01", "0.00"]


def test_a_problem_is_told_once_with_its_jobs(capsys):
    print_plan(
        [*(job(f"#{number}", "no such folder [x]") for number in range(6)), job("#6", "no GPU", rows={}), job("#7")]
    )
    shown = capsys.readouterr().out
    assert "8 jobs, 7 of them would fail" in shown
    assert "! #0, #1, #2, #3 and 2 more: no such folder [x]" in shown
    assert "! #6: no GPU" in shown
    assert cells(shown, "#7")[0] == ""
    assert cells(shown, "#6")[0] == "!"


def test_one_job_has_no_sum(capsys):
    print_plan([job("#0", **{f"key{number}": "value" for number in range(30)})])  # nothing to tell it apart from
    shown = capsys.readouterr().out
    assert "key0" not in shown
    assert shown.split("\n")[0].strip() == "1 job"
    assert " all " not in shown


def trial(number, state, score, **values):
    return SimpleNamespace(number=number, state=state, score=score, values=values)


def test_trials_stand_best_first_and_pruned_ones_below(capsys):
    rows = [trial(0, "pruned", 0.9, x="1"), trial(1, "complete", 0.3, x="2"), trial(2, "complete", 0.4, x="3")]
    print_search("one", [*rows, trial(3, "fail", None, x="4")], rows[2])
    shown = capsys.readouterr().out
    order = [line.split("│")[1].strip() for line in shown.split("\n") if line.startswith("│")]
    assert order == ["2", "1", "0", "3"]
    assert "compare it on the test split" in shown
