"""Expressions: what is run and what is shown are one thing."""

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline

from skepi.cli._errors import UsageError
from skepi.cli._expressions import evaluate, imports_of, name, output, outputs_of, public_module, py, source
from skepi.cli._program import Program
from skepi.io import read_gtf
from skepi.paired import PairedDataset

LITERALS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=30),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.lists(inner, max_size=4).map(tuple)
        | st.dictionaries(st.text(max_size=10), inner, max_size=4)
    ),
    max_leaves=6,
)


def where(path):
    return f"elsewhere/{path}"


@given(LITERALS, st.integers(10, 120))
def test_literals_are_shown_as_what_they_are(value, room):
    assert eval(source(value, room)) == value
    assert evaluate(value, {}, where) == value


@given(LITERALS, LITERALS, st.integers(10, 120))
def test_calls_are_shown_as_what_is_run(first, second, room):
    expression = py(dict)(a=py(list)([first]), b=py(tuple)((second,)))["a"][0]
    assert eval(source(expression, room)) == evaluate(expression, {}, where) == first


def test_a_line_that_is_too_long_has_one_argument_per_line():
    expression = py(make_pipeline)(py(Ridge)(100.0), py(Ridge)(alpha=2.5))
    assert source(expression, 40) == "make_pipeline(\n    Ridge(100.0),\n    Ridge(alpha=2.5),\n)"
    assert source(expression, 80) == "make_pipeline(Ridge(100.0), Ridge(alpha=2.5))"


def test_methods_attributes_and_items_of_a_variable():
    expression = name("table").loc[["a"]].to_csv(output("table.csv"), sep="\t")
    assert source(expression) == 'table.loc[["a"]].to_csv("table.csv", sep="\\t")'
    assert outputs_of(expression) == ["table.csv"]
    table = pd.DataFrame({"x": [1, 2]}, index=["a", "b"])
    assert evaluate(name("table").loc[["a"]]["x"], {"table": table}, where).tolist() == [1]
    assert evaluate(output("table.csv"), {}, where) == "elsewhere/table.csv"


def test_names_are_imported_from_where_users_import_them():
    assert public_module(read_gtf) == "skepi.io"
    assert public_module(Ridge) == "sklearn.linear_model"
    assert imports_of(py(PairedDataset).open("x")) == {("skepi.paired", "PairedDataset")}
    assert imports_of([py(print)(py(pd.read_csv, "pandas")("x"))]) == {("pandas", "read_csv")}


def test_what_has_no_literal_is_refused():
    with pytest.raises(TypeError, match="no literal of Python: array"):
        source(np.zeros(2))


def test_infinity_has_a_literal():
    assert eval(source([math.inf, -math.inf])) == [math.inf, -math.inf]


# --- programs


def written(path, fail=False):
    with open(path, "w") as file:
        file.write("whole")
    if fail:
        raise ValueError("no")


def test_a_program_runs_as_it_is_shown(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    program = Program()
    table = program.let("table", py(pd.DataFrame, "pandas")({"x": [1.5, 2.0]}))
    program.do(table.to_csv(output("table.csv"), index=False))
    program.print(table["x"].sum())
    program.run()
    ran = (tmp_path / "table.csv").read_text(), capsys.readouterr().out
    (tmp_path / "table.csv").unlink()
    exec(program.code(), {})
    assert ((tmp_path / "table.csv").read_text(), capsys.readouterr().out) == ran == ("x\n1.5\n2.0\n", "3.5\n")


def test_a_guard_refuses_values_at_its_place_and_is_not_shown(tmp_path):
    program, seen = Program(), []
    table = program.let("table", py(pd.DataFrame, "pandas")({"x": [1]}))
    program.guard(lambda value: seen.append(len(value)), table)
    program.do(py(written)(output(tmp_path / "one.txt")))
    assert program.code().count("\n") == 5  # two imports, an empty line, two statements
    program.run()
    assert seen == [1]

    def refuse(value):
        raise UsageError("no")

    program.guard(refuse, table)
    program.do(py(written)(output(tmp_path / "two.txt")))
    with pytest.raises(UsageError, match="no"):
        program.run()
    assert not (tmp_path / "two.txt").exists()


def test_outputs_appear_together_when_all_has_run(tmp_path):
    program, paths = Program(), [tmp_path / "one.txt", tmp_path / "two.txt"]
    program.do(py(written)(output(paths[0])))
    program.do(py(written)(output(paths[1]), fail=True))
    with pytest.raises(ValueError, match="no"):
        program.run()
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_process_left_is_removed_and_that_of_a_running_one_is_not(tmp_path):
    program = Program()
    program.do(py(written)(output(tmp_path / "one.txt")))
    (tmp_path / ".part.99999999.one.txt").write_text("left")  # no process has such a number
    (tmp_path / ".part.1.one.txt").write_text("kept")
    program.run()
    assert sorted(path.name for path in tmp_path.iterdir()) == [".part.1.one.txt", "one.txt"]


def test_outputs_are_checked_before_anything_runs(tmp_path):
    def asked(path):
        program = Program()
        program.do(py(written)(output(path)))
        return program

    with pytest.raises(UsageError, match=r"there is no folder .*absent to write it to"):
        asked(tmp_path / "absent" / "one.txt").check_outputs(overwrite=False)
    with pytest.raises(UsageError, match="is a folder; wanted the name of a file"):
        asked(tmp_path).check_outputs(overwrite=True)
    (tmp_path / "one.txt").touch()
    with pytest.raises(UsageError, match=r"one\.txt exists; --overwrite replaces it"):
        asked(tmp_path / "one.txt").check_outputs(overwrite=False)
    asked(tmp_path / "one.txt").check_outputs(overwrite=True)


def test_folders_are_never_replaced(tmp_path):
    program = Program()
    program.folder(str(tmp_path))
    with pytest.raises(UsageError, match="exists; remove it first, or give another name"):
        program.check_outputs(overwrite=True)
    program = Program()
    program.folder(str(tmp_path / "absent" / "data"))
    with pytest.raises(UsageError, match=r"there is no folder .*absent to make it in"):
        program.check_outputs(overwrite=True)
