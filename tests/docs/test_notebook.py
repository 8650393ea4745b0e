"""The notebook is committed without outputs, and runs."""

import ast
import shutil

import nbformat
import pytest
from nbclient import NotebookClient

import pages

NOTEBOOK = pages.ROOT / "notebooks/exploration.ipynb"


@pytest.fixture
def notebook():
    return nbformat.read(NOTEBOOK, as_version=4)


def test_the_notebook_is_valid_and_committed_without_outputs(notebook):
    nbformat.validate(notebook)
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert len(cells) >= 10
    for cell in cells:
        ast.parse(cell.source)
        assert cell.outputs == []
        assert cell.execution_count is None


@pytest.mark.slow
@pytest.mark.filterwarnings("default")  # of the kernel and its messages, not of fauxto
def test_the_notebook_runs_and_shows_tables_and_figures(notebook, tmp_path):
    copy = tmp_path / NOTEBOOK.name
    shutil.copy(NOTEBOOK, copy)
    NotebookClient(
        notebook,
        timeout=900,
        kernel_name="python3",
        resources={"metadata": {"path": str(tmp_path)}},
    ).execute()
    kinds = [
        kind
        for cell in notebook.cells
        if cell.cell_type == "code"
        for output in cell.outputs
        for kind in output.get("data", ())
    ]
    assert kinds.count("text/html") >= 8
    assert kinds.count("image/png") >= 3
