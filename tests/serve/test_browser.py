"""The page in a real Chromium, against a real server."""

import base64
import json
import re
import shutil
import time

import pytest
from serve_inputs import encoded, served

sync_api = pytest.importorskip("playwright.sync_api", reason="needs playwright")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("chrome")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium on this machine"),
]
expect = sync_api.expect
expect.set_options(timeout=30_000)


@pytest.fixture(scope="module")
def browser():
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def open_page(browser, server):
    """Opens the page; afterwards nothing may have gone wrong in it or left this machine."""
    contexts, wrong, places = [], [], set()

    def open_page(path="/", **options):
        context = browser.new_context(**options)
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("console", lambda m: wrong.append(m.text) if "Policy" in m.text else None)
        page.on("request", lambda r: places.add(r.url.split("/")[2] if "//" in r.url else ""))
        page.goto(server + path)
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert wrong == []
    assert {place for place in places if place} <= {server.removeprefix("http://")}


def file(name, content, kind="image/png"):
    return {"name": name, "mimeType": kind, "buffer": content}


def transfer(page, event, *files):
    """Drop or paste files, as the browser would."""
    page.evaluate(
        """([event, files]) => {
            const data = new DataTransfer();
            for (const [name, kind, text] of files) {
                const bytes = Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
                data.items.add(new File([bytes], name, { type: kind }));
            }
            const options = { bubbles: true, cancelable: true };
            document.dispatchEvent(event === "drop"
                ? new DragEvent("drop", { ...options, dataTransfer: data })
                : new ClipboardEvent("paste", { ...options, clipboardData: data }));
        }""",
        [
            event,
            [[f["name"], f["mimeType"], base64.b64encode(f["buffer"]).decode()] for f in files],
        ],
    )


def results(page):
    return page.locator(".result:not(.waiting)")


def test_several_chosen_pictures_are_each_looked_at_and_a_broken_one_says_why(open_page):
    page = open_page()
    page.set_input_files(
        "#file",
        [
            file("a <b>.png", encoded(1, (300, 200))),
            file("notes.png", b"no picture at all"),
            file("b.jpg", encoded(2, (200, 300), "JPEG"), "image/jpeg"),
        ],
    )
    expect(results(page)).to_have_count(3)
    headings = page.locator(".result h2").all_inner_texts()
    assert headings == ["a <b>.png", "notes.png", "b.jpg"]
    broken = results(page).nth(1)
    expect(broken).to_contain_text("The content is not a picture")
    expect(broken.get_by_role("button", name="Try again")).to_have_count(0)
    expect(page.get_by_role("status")).to_have_text(re.compile(r"^3 pictures: .*1 not looked at"))
    first = results(page).first
    expect(first.locator(".verdict")).to_have_text(
        re.compile("Probably made by AI|Probably real|Unsure")
    )
    expect(first.locator("svg.scale")).to_have_attribute(
        "aria-label",
        re.compile(r"Score 0\.\d\d, (above 0\.65|below 0\.55|between 0\.55 and 0\.65), "),
    )
    expect(first).to_contain_text("What the file says of itself")
    expect(first).to_contain_text("re-encodings")
    expect(first.locator(".photo")).to_be_visible()


def test_the_slider_fades_the_map_over_the_picture(open_page):
    page = open_page()
    page.set_input_files("#file", [file("a.png", encoded(1, (300, 200)))])
    heat, slider = page.locator(".heat"), page.locator(".strength input")
    expect(page.locator(".photo")).to_have_attribute("src", re.compile("^blob:"))
    photo = page.locator(".photo").bounding_box()
    assert heat.bounding_box() == pytest.approx(photo, abs=1)
    slider.fill("80")
    assert heat.evaluate("e => getComputedStyle(e).opacity") == "0.8"
    slider.focus()
    page.keyboard.press("Home")
    assert heat.evaluate("e => getComputedStyle(e).opacity") == "0"


def test_a_picture_that_browsers_cannot_show_is_shown_as_the_network_sees_it(open_page):
    page = open_page()
    tiff = encoded(1, (300, 200), "TIFF")
    page.set_input_files("#file", [file("a.tiff", tiff, "image/tiff")])
    expect(page.locator(".as-seen")).to_be_visible()
    photo = page.locator(".photo")
    expect(photo).to_have_attribute("src", re.compile("^data:image/jpeg"))
    assert page.locator(".heat").bounding_box() == pytest.approx(photo.bounding_box(), abs=1)


def test_dropped_and_pasted_pictures_are_looked_at(open_page):
    page = open_page()
    transfer(page, "drop", file("dropped.png", encoded(1)), file("too.png", encoded(2)))
    expect(results(page)).to_have_count(2)
    transfer(page, "paste", file("image.png", encoded(3)))
    expect(results(page)).to_have_count(3)
    transfer(page, "paste")
    expect(page.get_by_role("status")).to_have_text("The clipboard holds no picture.")
    page.get_by_role("button", name="Clear results").click()
    expect(results(page)).to_have_count(0)


def test_a_huge_file_is_refused_before_it_is_sent_and_by_the_server_too(open_page):
    page = open_page()
    huge = file("huge.png", b"\x89PNG" + b"x" * 2_200_000)
    page.set_input_files("#file", [huge])
    expect(results(page)).to_contain_text("It has more than 2 MB.")
    page.get_by_role("button", name="Clear results").click()
    page = open_page()
    page.route("**/static/serve.js*", lambda route: lift_limit(route))
    page.reload()
    page.set_input_files("#file", [huge])
    expect(results(page)).to_contain_text("The picture has too many bytes")
    many = file("many.png", encoded(1, (1001, 1000), mode="1"))
    page.set_input_files("#file", [many])
    expect(results(page).nth(1)).to_contain_text("The picture has too many pixels")


def lift_limit(route):
    response = route.fetch()
    route.fulfill(response=response, body=response.text().replace("file.size > maxBytes", "false"))


def test_the_keyboard_alone_is_enough(open_page):
    page = open_page()
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to content")).to_be_focused()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    expect(page.locator("#file")).to_be_focused()
    outline = page.locator("label[for=file]").evaluate("e => getComputedStyle(e).outlineStyle")
    assert outline == "solid"
    with page.expect_file_chooser() as chooser:
        page.keyboard.press("Space")
    chooser.value.set_files([file("a.png", encoded(1, (300, 200)))])
    expect(results(page)).to_have_count(1)
    names = []
    for _ in range(14):
        page.keyboard.press("Tab")
        names.append(page.evaluate(
            "() => document.activeElement.id || document.activeElement.textContent.trim()"
            " || document.activeElement.getAttribute('aria-label')"
        ))  # fmt: skip
    for name in ("camera", "stability", "heat", "policy", "Download as JSON", "How it works",
                 "Strength of the heat map in percent", "clear"):  # fmt: skip
        assert name in names, names


def test_a_slow_network_shows_progress_and_ends_well(open_page):
    page = open_page()
    session = page.context.new_cdp_session(page)
    session.send("Network.enable")
    session.send(
        "Network.emulateNetworkConditions",
        {"offline": False, "latency": 100, "downloadThroughput": -1, "uploadThroughput": 150_000},
    )
    content = encoded(1, (500, 500), "PNG", compress_level=0)
    start = time.monotonic()
    page.set_input_files("#file", [file("a.png", content)])
    expect(page.locator(".progress span")).to_have_text("sending")
    expect(results(page)).to_have_count(1, timeout=30_000)
    assert time.monotonic() - start > 2
    expect(page.locator(".verdict")).not_to_have_text("Not looked at")


def test_a_server_that_is_gone_is_told_and_trying_again_works(open_page, server):
    page = open_page()
    page.context.set_offline(True)
    page.set_input_files("#file", [file("a.png", encoded(1))])
    expect(results(page)).to_contain_text("The server did not answer.")
    page.context.set_offline(False)
    page.get_by_role("button", name="Try again").click()
    expect(page.locator(".scale")).to_be_visible()


def test_a_busy_server_is_asked_again(open_page):
    page = open_page()
    asked = []

    def busy(route):
        asked.append(1)
        if len(asked) < 3:
            route.fulfill(status=503, headers={"Retry-After": "1"}, body="{}")
        else:
            route.continue_()

    page.route("**/look*", busy)
    page.set_input_files("#file", [file("a.png", encoded(1))])
    expect(page.locator(".progress span")).to_have_text("the server is busy, waiting")
    expect(page.locator(".scale")).to_be_visible(timeout=10_000)
    assert len(asked) == 3


def test_the_download_is_the_answer(open_page, tmp_path):
    page = open_page()
    page.set_input_files("#file", [file("a.png", encoded(1))])
    with page.expect_download() as download:
        page.get_by_role("link", name="Download as JSON").click()
    assert download.value.suggested_filename == "fauxto.json"
    answer = json.loads(download.value.path().read_text())
    assert answer["prediction"]["path"] == "a.png"
    assert answer["prediction"]["model"] == "tiny"


SCREENS = [
    {"viewport": {"width": 1280, "height": 900}},
    {"viewport": {"width": 360, "height": 780}},
    {"viewport": {"width": 360, "height": 780}, "color_scheme": "dark"},
]


@pytest.mark.parametrize("options", SCREENS, ids=["wide", "phone", "dark phone"])
@pytest.mark.parametrize("path", ["/", "/how", "/reports/"])
def test_pages_fit_and_axe_finds_nothing_serious(open_page, options, path):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="needs axe")
    page = open_page(path, **options)
    if path == "/":
        page.set_input_files(
            "#file", [file("a.png", encoded(1, (300, 200))), file("x" * 120, b"no picture")]
        )
        expect(results(page)).to_have_count(2)
        expect(page.locator(".photo")).to_be_visible()
    overflow = page.evaluate("() => document.documentElement.scrollWidth - window.innerWidth")
    assert overflow <= 0
    found = axe.Axe().run(page).response["violations"]
    serious = [v for v in found if v["impact"] in ("serious", "critical")]
    assert [(v["id"], v["nodes"][0]["html"]) for v in serious] == []


def test_the_page_works_without_a_script(browser, server):
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(server)
    page.set_input_files("#file", [file("a.png", encoded(1)), file("b.png", encoded(2))])
    page.get_by_role("button", name="Look at them").click()
    expect(page.locator("article.result")).to_have_count(2)
    expect(page.locator(".photo").first).to_be_visible()
    expect(page.locator(".heat").first).to_be_visible()
    expect(page.locator(".as-seen").first).to_be_hidden()
    context.close()


def test_a_report_cannot_reach_the_server_it_came_from(browser, model_path, tmp_path):
    (tmp_path / "index.html").write_text(
        '<meta name="generator" content="fauxto"><title>R · fauxto</title><h1>wait</h1><script>'
        "fetch('/v1/model').then(() => 'read', () => 'blocked')"
        ".then((t) => { document.querySelector('h1').textContent = t + ' ' + self.origin; });"
        "</script>"
    )
    with served(model_path, "--reports", str(tmp_path)) as (_, port):
        page = browser.new_page()
        page.goto(f"http://127.0.0.1:{port}/reports/")
        page.get_by_role("link", name="R", exact=True).click()
        expect(page.locator("h1")).to_have_text("blocked null")
        page.close()


def test_keys_are_asked_by_the_browser_itself(browser, model_path, tmp_path):
    from fauxto.serve.access import add_key

    key = add_key(tmp_path / "keys", "desk")
    with served(model_path, "--keys", str(tmp_path / "keys")) as (_, port):
        address = f"http://127.0.0.1:{port}/"
        context = browser.new_context(http_credentials={"username": "me", "password": key})
        page = context.new_page()
        page.goto(address)
        page.set_input_files("#file", [file("a.png", encoded(1))])
        expect(page.locator(".scale")).to_be_visible()
        context.close()
