"""Pages as people see them, in Chromium: on a phone, in the dark, on paper, by a screen reader."""

import importlib.resources
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.report.each_task import SHAPES, TASKS, scored
from torchedu.cli import main

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

PHONE, DESK = 390, 1100
PAPER = {"A4": 718, "Letter": 740}
"""Width within margins of 1 cm, in CSS pixels."""
CUT = """() => [...document.querySelectorAll("table, img, pre, p, dd, h1, h2, li")]
    .filter(part => part.getBoundingClientRect().right > innerWidth + 1)
    .map(part => part.tagName + " " + part.textContent.slice(0, 60))"""
"""What lies beyond the right edge."""
HIDDEN = """() => [...document.querySelectorAll("details > :not(summary)")]
    .filter(part => part.textContent.trim() && !part.checkVisibility({contentVisibilityAuto: true}))
    .length"""
"""How much of what is folded is not there on paper."""
SCROLLS = """() => document.documentElement.scrollWidth > innerWidth + 1"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("pages")


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Give Chromium, without its sandbox where root is, which has none."""
    from playwright.sync_api import sync_playwright

    chromium = shutil.which("chromium")
    assert chromium, "make test-browser installs it"
    flags = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=chromium, args=flags)
        yield started
        started.close()


@pytest.fixture(scope="module")
def page(browser: Any) -> Iterator[Any]:
    """Give one window; what it loads is noted in ``asked``."""
    context = browser.new_context(bypass_csp=True)
    opened = context.new_page()
    opened.asked = []
    opened.on("request", lambda request: opened.asked.append(request.url))
    yield opened
    context.close()


@pytest.fixture(scope="module")
def axe() -> str:
    source = importlib.resources.files("axe_playwright_python") / "axe.min.js"
    return source.read_text("utf-8")


def hold(page: Any, file: Path, axe: str) -> None:
    """Look at a page in every way; each is a kind of reader."""
    page.asked.clear()
    page.emulate_media(media="screen", color_scheme="light")
    page.set_viewport_size({"width": DESK, "height": 900})
    page.goto(file.as_uri())
    page.evaluate(axe)
    for scheme, rules in (("light", {}), ("dark", {"runOnly": ["color-contrast"]})):
        page.emulate_media(media="screen", color_scheme=scheme)
        said = page.evaluate("rules => axe.run(document, rules)", rules)
        wrong = [(fault["id"], fault["nodes"][0]["html"][:200]) for fault in said["violations"]]
        assert not wrong, (file, scheme, wrong)
    page.emulate_media(media="screen", color_scheme="light")
    page.set_viewport_size({"width": PHONE, "height": 800})
    assert not page.evaluate(SCROLLS), (file, "on a phone")
    page.emulate_media(media="print")
    for paper, width in PAPER.items():
        page.set_viewport_size({"width": width, "height": 1000})
        assert page.evaluate(CUT) == [], (file, paper)
        assert page.evaluate(HIDDEN) == 0, (file, paper)
    others = {url for url in page.asked if not url.startswith(("file:", "data:"))}
    assert not others, (file, others)


@pytest.mark.parametrize("task", TASKS)
def test_reports_are_whole_for_everyone(task: str, folder: Path, page: Any, axe: str) -> None:
    for shape in SHAPES:
        if (task, shape) != ("recommendation", "flat"):  # nobody took a second course
            hold(page, scored(task, shape, folder) / "report.html", axe)


@pytest.mark.parametrize("task", [task for task in TASKS if task != "spoken"])  # has no such pages
def test_pages_of_classes_and_students_are_whole(
    task: str, folder: Path, page: Any, axe: str
) -> None:
    out = folder / task / "predicted"
    run = str(scored(task, "normal", folder))
    assert main(["predict", run, "--run", str(out), "--pages", "true"]) == 0
    files = sorted((out / "pages").iterdir())
    for file in (files[0], files[len(files) // 2], files[-1]):
        hold(page, file, axe)
    page.goto((out / "pages" / "index.html").as_uri())
    page.locator("main a").first.click()
    page.get_by_role("link", name="back to all").click()
    assert page.url.endswith("index.html")
