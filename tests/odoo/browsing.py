"""The web client in a browser, and pictures of it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from .server import Odoo

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

#: Milliseconds that a page may take for what is expected of it, where much else runs.
PATIENCE = 30_000


@contextmanager
def at_work(browser: Browser, odoo: Odoo, company: int = 0, height: int = 900) -> Iterator[Page]:
    """The administrator, logged in and at work for ``company``, or for the own one. ``height`` is
    the window's, in pixels."""
    from playwright.sync_api import expect

    expect.set_options(timeout=PATIENCE)
    context = browser.new_context(viewport={"width": 1400, "height": height})
    page = context.new_page()
    page.goto(f"{odoo.url}/web/login?db={odoo.database}")
    page.fill("input[name=login]", odoo.login)
    page.fill("input[name=password]", odoo.password)
    page.click("button[type=submit]")
    page.wait_for_url("**/odoo**")
    if company:
        context.add_cookies([{"name": "cids", "value": str(company), "url": odoo.url}])
    yield page
    context.close()


def shot(page: Page, name: str, tmp_path: Path, whole: bool = True) -> None:
    """A picture, of the ``whole`` page or of what is seen, kept where the environment says."""
    folder = Path(os.environ.get("KLAUSEL_SCREENSHOTS") or tmp_path)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.png"
    page.screenshot(path=path, full_page=whole, animations="disabled")
