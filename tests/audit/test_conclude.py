import logging

from fauxto.audit import conclude
from fauxto.audit.figures import FigureJob


def test_lost_plots_leave_a_page_without_plots_and_a_warning(tmp_path, caplog):
    with caplog.at_level(logging.WARNING):
        assert (
            conclude._describe_lost(FigureJob((tmp_path / "part.parquet",)), "it took too long")
            == {}
        )
    assert "no plots: it took too long" in caplog.text
