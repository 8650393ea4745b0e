import base64
import io
import re

import pytest
from PIL import Image
from serve_inputs import encoded

from fauxto.serve.problems import PROBLEMS


def look(client, *contents, name="a.png", **options):
    files = [("file", (name, content)) for content in contents]
    return client.post("/look", files=files, params=options)


@pytest.mark.parametrize("path", ["/", "/how", "/reports/"])
def test_pages_load_nothing_from_elsewhere_and_hold_no_inline_script_or_style(client, path):
    page = client.get(path).text
    addresses = re.findall(r'(?:src|href|action)="([^"]*)"', page)
    assert len(addresses) > 5
    assert not [a for a in addresses if "//" in a]
    assert "<style" not in page
    assert not re.search(r"\son\w+=|\sstyle=|javascript:", page)
    assert not re.search(r"<script(?![^>]*\ssrc=)", page)
    root = "http://127.0.0.1" + path
    for address in addresses:
        if not address.startswith(("#", "data:")):
            target = client.get(str(client.build_request("GET", root).url.join(address)))
            assert target.status_code in (200, 405), address


def test_static_files_are_kept_by_browsers_and_nothing_else_is_there(client):
    response = client.get("/static/serve.js")
    assert response.headers["content-type"].startswith("text/javascript")
    assert "immutable" in response.headers["cache-control"]
    for name in ("serve.html", "..%2fserve.html", "%2e%2e%2fpage.py"):
        assert client.get(f"/static/{name}").status_code == 404


def test_without_a_script_the_form_answers_with_a_page(client):
    page = look(client, encoded(1), encoded(2), name="<b>.png").text
    assert page.count('<article class="result"') == 2
    assert "&lt;b&gt;.png" in page
    assert "<b>.png" not in page
    response = look(client, b"no picture")
    assert response.status_code == 200
    assert "Not looked at" in response.text
    response = client.post("/look", content=b"x", headers={"content-type": "text/plain"})
    assert response.status_code == 415
    assert "neither multipart nor a picture" in response.text


def test_the_script_gets_one_result_or_a_problem(client):
    response = look(client, encoded(1), part="result", stability=True, explanation="png")
    assert response.text.lstrip().startswith("<article")
    for words in ("unsure 0.55 to 0.65", "re-encodings", "data:image/png;base64",
                  "Download as JSON",
                  "It has learnt &lt;nothing&gt;."):  # fmt: skip
        assert words in response.text
    response = look(client, b"no picture", part="result")
    assert (response.status_code, response.json()["code"]) == (415, "not_an_image")


def test_a_browser_gets_a_page_where_a_program_gets_a_problem(client):
    for path in ("/nothing", "/reports/a/b", "/look"):
        page = client.get(path, headers={"accept": "text/html,application/xhtml+xml,*/*;q=0.8"})
        assert page.status_code == (405 if path == "/look" else 404)
        assert page.headers["content-type"].startswith("text/html")
        home = re.search(r'<a href="([^"]*)">To the start', page.text).group(1)
        assert client.get(str(page.url.join(home))).text.count("Drop pictures here") == 1
        answer = client.get(path)
        assert answer.headers["content-type"] == "application/problem+json"


def test_pages_show_the_picture_as_the_network_sees_it_and_the_api_does_not(client):
    page = look(client, encoded(1), part="result", explanation="png").text
    content = base64.b64decode(re.search(r'data:image/jpeg;base64,([^"]+)"', page).group(1))
    assert Image.open(io.BytesIO(content)).size == (16, 16)
    answer = client.post("/v1/predict", content=encoded(1), headers={"content-type": "image/png"})
    assert "preview" not in answer.text
    assert "preview" not in client.get("/openapi.json").text
    saved = re.search(r"data:application/json;base64,([^\"]+)", page).group(1)
    assert b"preview" not in base64.b64decode(saved)


def test_the_page_says_where_pictures_go(client):
    assert "Pictures go to 127.0.0.1 and nowhere else" in client.get("/").text


def test_how_it_works_names_every_problem_and_the_models_limits(client):
    page = client.get("/how").text
    for code in PROBLEMS:
        assert f'id="{code}"' in page
    assert "It has learnt &lt;nothing&gt;." in page
    assert "both mistakes count the same" in page
    assert "fauxto is unsure" not in page or "0.550" in page
