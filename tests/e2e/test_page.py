"""The page of real runs, made by the command itself, opened in a real browser."""

import shutil
from contextlib import contextmanager

import pytest
from command import FAST, bench, only_run
from playwright.sync_api import sync_playwright

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
SIZES = {"desktop": {"width": 1280, "height": 900}, "phone": {"width": 390, "height": 844}}
SHOWN = ("verdicts", "results", "distribution", "over-time", "server", "cells", "plans", "configuration", "reproduce")


@pytest.fixture(scope="module")
def sweep(home, tmp_path_factory):
    cwd = tmp_path_factory.mktemp("page")
    words = ("backend=duckdb,postgres", "workload=points", "dataset=tiny", *FAST, "load.duration_s=1", "-m")
    done = bench(*words, home=home, cwd=cwd, environ={"BENCH_PAGE": ""})
    assert done.returncode == 0, done.stderr
    assert "\npage: outputs/" in done.stderr
    return only_run(cwd)


@pytest.fixture(scope="module")
def browser():
    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    if found is None:
        pytest.skip(f"no browser is installed: none of {', '.join(BROWSERS)}; .ci/run installs chromium where it can")
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=found, args=["--no-sandbox"])
        yield launched
        launched.close()


@contextmanager
def opened(browser, path, *, size="desktop", scheme="light", scripts=True):
    """The page when all is drawn; fails when it said anything on its console or asked anybody for anything."""
    context = browser.new_context(viewport=SIZES[size], color_scheme=scheme, java_script_enabled=scripts)
    page, said, asked = context.new_page(), [], []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("request", lambda request: asked.append(request.url))
    page.goto(path.as_uri())
    if scripts:
        page.wait_for_selector("html[data-drawn]")
    yield page
    assert said == []
    assert [url for url in asked if not url.startswith(("file:", "data:"))] == []
    context.close()


def ink(page):
    return page.evaluate("getComputedStyle(document.body).color + getComputedStyle(document.body).backgroundColor")


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_all_is_drawn_and_nothing_overflows(browser, sweep, size, scheme):
    with opened(browser, sweep / "report.html", size=size, scheme=scheme) as page:
        drawings = page.locator(".drawing").count()
        assert drawings >= 10
        assert page.locator(".drawing svg").count() == drawings
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        assert [page.locator(f"section#{name}").count() for name in SHOWN] == [1] * len(SHOWN)


def test_every_operation_is_named_beside_its_shape(browser, home, sweep, tmp_path):
    """Of one cell, whose shapes are so close together that a chart leaves out names unless it is told not to."""
    cell = sweep / "1_postgres_tiny_points_closed"
    bench("report", str(cell), "--output", "one.html", home=home, cwd=tmp_path)
    with opened(browser, tmp_path / "one.html") as page:
        shapes = page.locator("figure", has_text="Shape of each operation")
        names = set(shapes.locator("text").all_text_contents())
        assert {"read_by_key", "read_by_index", "small_range", "insert_row", "update_by_key", "take_payment"} <= names


def test_a_long_word_does_not_widen_a_phone(browser, sweep, tmp_path):
    text = (sweep / "report.html").read_text().replace('<p class="line">', f'<p class="line">{"a1b2c3d4" * 10} ')
    (tmp_path / "long.html").write_text(text)
    with opened(browser, tmp_path / "long.html", size="phone") as page:
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        verdict = page.locator('[data-name="verdicts"] tbody tr').first.locator("td").first.bounding_box()
        assert verdict["x"] + verdict["width"] <= SIZES["phone"]["width"]


def test_light_and_dark_follow_the_system_and_the_switch(browser, sweep):
    with opened(browser, sweep / "report.html", scheme="dark") as page:
        dark = ink(page)
        page.get_by_role("button", name="Use light colours").click()
        assert ink(page) != dark
        page.get_by_role("button", name="Use dark colours").click()
        assert ink(page) == dark
        page.emulate_media(media="print")
        assert "rgb(255, 255, 255)" in ink(page)


def test_tables_are_sorted_and_filtered_with_the_keyboard(browser, sweep):
    with opened(browser, sweep / "report.html") as page:
        table = page.locator('[data-name="summary"]')
        heading = table.get_by_role("button", name="p50 ms")
        at = table.locator("thead button").all_inner_texts().index("p50 ms")

        def column():
            return [float(row.locator("td").nth(at - 1).get_attribute("data-exact")) for row in rows.all()]

        rows = table.locator("tbody tr:not([hidden])")
        count = rows.count()
        heading.focus()
        page.keyboard.press("Enter")
        assert column() == sorted(column())
        page.keyboard.press("Enter")
        assert column() == sorted(column(), reverse=True)
        table.get_by_role("searchbox").fill("postgres read")
        assert 0 < rows.count() < count
        assert all("postgres" in text for text in rows.all_inner_texts())


def test_it_reads_without_javascript_and_charts_have_words(browser, sweep):
    with opened(browser, sweep / "report.html", scripts=False) as page:
        assert page.locator('[data-name="summary"] tbody tr').count() == 12
        assert page.locator(".drawing").first.is_hidden()
        assert all(len(text) > 20 for text in page.locator("figcaption").all_inner_texts())
        assert page.locator("table:not(:has(caption))").count() == 0
        assert page.locator("thead th:not([scope=col]), tbody th:not([scope=row])").count() == 0


def test_the_command_writes_one_page_of_several_directories(home, sweep, tmp_path):
    cells = [str(sweep / name) for name in ("0_duckdb_tiny_points_closed", "1_postgres_tiny_points_closed")]
    done = bench("report", *cells, "--output", "both.html", home=home, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (0, "both.html\n"), done.stderr
    assert "postgres" in (tmp_path / "both.html").read_text()
    done = bench("report", *cells, "--format", "html", home=home, cwd=tmp_path)
    assert done.returncode == 2
    assert "several directories make one page; say with --output FILE where it goes" in done.stderr
    done = bench("report", str(tmp_path), "--format", "html", home=home, cwd=tmp_path)
    assert done.returncode == 2
    assert "is not a results directory: it has no manifest.json" in done.stderr
