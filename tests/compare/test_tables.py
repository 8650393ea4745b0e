import pytest

from fauxto.compare.judge import format_p
from fauxto.compare.tables import escape_latex, format_rate


@pytest.mark.parametrize(
    ("lr", "text"), [(5e-5, "5e-5"), (2e-5, "2e-5"), (1.5e-4, "1.5e-4"), (0.1, "1e-1"), (None, "–")]
)
def test_learning_rates_are_written_as_the_study_does(lr, text):
    assert format_rate(lr) == text


def test_every_special_letter_of_latex_is_escaped():
    assert escape_latex(r"\&%$#_{}~^") == (
        r"\textbackslash{}\&\%\$\#\_\{\}\textasciitilde{}\textasciicircum{}"
    )


def test_p_values_keep_the_digits_that_matter():
    assert [format_p(p) for p in (0.41, 0.0123, 0.0047, 0.00001)] == [
        "p = 0.41",
        "p = 0.01",
        "p = 0.0047",
        "p < 0.0001",
    ]
