"""The browser that tests of pages drive."""

import importlib.util
import os
import shutil

FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]


def find_browser() -> str | None:
    """SINET_CHROMIUM, or the Chromium on the path; None where there is none, or no playwright to drive it."""
    if importlib.util.find_spec("playwright") is None:
        return None
    return os.environ.get("SINET_CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
