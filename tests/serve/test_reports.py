import os

import pytest
from serve_inputs import running

from fauxto.report.page import write_page
from fauxto.serve import reports as module
from fauxto.serve.reports import find_file, list_reports


def write_report(folder, title="A report", kind="audit"):
    page = '<meta name="generator" content="fauxto"><title>{} · fauxto</title>{}'
    folder.mkdir(parents=True, exist_ok=True)
    brand = f'<p class="brand">fauxto <span>{kind}</span></p>'
    (folder / "index.html").write_text(page.format(title, brand))


@pytest.fixture
def root(tmp_path):
    (tmp_path / "secret.html").write_text("secret")
    root = tmp_path / "root"
    write_report(root / "runs/lite/evaluation/test", "lite on &lt;test&gt;", "evaluate")
    write_report(root, "The chain", "report")
    write_report(root / ".hidden")
    (root / "foreign").mkdir()
    (root / "foreign/index.html").write_text("<title>not ours</title>")
    (root / "runs/lite/weights.safetensors").write_text("weights")
    (root / "runs/lite/figure.PNG").write_text("png")
    (root / "out.html").symlink_to(tmp_path / "secret.html")
    (root / "outer").symlink_to(tmp_path)
    (root / "chain.html").symlink_to(root / "index.html")
    os.utime(root / "index.html", (1, 1))
    return root


def test_pages_that_fauxto_wrote_are_listed_newest_first(root):
    assert [(r.title, r.kind, r.folder) for r in list_reports(root)] == [
        ("lite on <test>", "evaluate", "runs/lite/evaluation/test"),
        ("The chain", "report", "."),
    ]


def test_the_templates_of_this_package_are_recognised(tmp_path):
    write_page(tmp_path / "index.html", "base.html", title="T & t", kind="audit")
    (report,) = list_reports(tmp_path)
    assert (report.title, report.kind) == ("T & t", "audit")


def test_the_list_is_bounded(root, monkeypatch):
    monkeypatch.setattr(module, "MAX_REPORTS", 1)
    assert len(list_reports(root)) == 1
    monkeypatch.setattr(module, "MAX_DEPTH", 1)
    assert [r.folder for r in list_reports(root)] == ["."]


@pytest.mark.parametrize(
    "path",
    [
        "../secret.html",
        "runs/../../secret.html",
        "/etc/passwd",
        "//etc/passwd",
        "out.html",
        "outer/secret.html",
        "..",
        ".",
        "",
        "runs",
        "runs/lite/weights.safetensors",
        ".hidden/index.html",
        "index.html\0.png",
        "..\\secret.html",
        "runs//lite",
        "index.html/",
        "x" * 5000,
    ],
)
def test_nothing_else_is_ever_found(root, path):
    assert find_file(root, path) is None


def test_pages_and_figures_are_found(root):
    assert find_file(root, "runs/lite/evaluation/test/index.html") is not None
    assert find_file(root, "runs/lite/figure.PNG") is not None
    assert find_file(root, "chain.html") is not None  # a link that stays inside


def test_reports_are_served_in_a_sandbox_and_nothing_beside_them(root, scorer):
    with running(scorer, reports=root) as client:
        page = client.get("/reports/")
        assert "lite on &lt;test&gt;" in page.text
        assert 'href="runs/lite/evaluation/test/index.html"' in page.text
        report = client.get("/reports/runs/lite/evaluation/test/index.html")
        assert report.status_code == 200
        assert report.headers["content-security-policy"].startswith("sandbox allow-scripts;")
        assert "same-origin" not in report.headers["content-security-policy"]
        for path in (
            "..%2fsecret.html",
            "%2e%2e/secret.html",
            "..%5csecret.html",
            "runs/%2e%2e/%2e%2e/secret.html",
            "%2fetc%2fpasswd",
            "out.html",
            "runs/lite/weights.safetensors",
        ):
            response = client.get(f"/reports/{path}")
            assert response.status_code == 404, path
            assert "secret" not in response.text
        assert client.get("/reports", follow_redirects=False).headers["location"] == "reports/"


def test_without_a_folder_the_page_says_how_to_name_one(client):
    assert "--reports DIR" in client.get("/reports/").text
    assert client.get("/reports/index.html").status_code == 404
