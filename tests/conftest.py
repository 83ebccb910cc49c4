"""What every test gets: fixtures by their rooms, and no traces of the test before.

Test files cannot import each other here (``--import-mode=importlib``), so helpers are
fixtures that return functions.
"""

import pytest
import torch
from mmengine.logging import MessageHub
from mmengine.registry import DefaultScope

pytest_plugins = [
    f"tests.fixtures.{name}"
    for name in ("heads", "batches", "cascades", "commands", "weights")
]


@pytest.fixture(autouse=True)
def _no_traces_between_tests():
    """Global state of MMEngine that one test would leave to the next."""
    torch.manual_seed(0)
    MessageHub._instance_dict.clear()
    # A module's or a session's fixture may have run a Runner, whose scope stays.
    DefaultScope._instance_dict.clear()
    yield
    MessageHub._instance_dict.clear()
    DefaultScope._instance_dict.clear()


@pytest.fixture(scope="session", autouse=True)
def _one_thread():
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def chromium(tmp_path_factory):
    """A headless Chromium for all tests of pages."""
    from headless_browser import Browser, find_browser

    if find_browser() is None:
        pytest.skip("no Chromium on PATH (Debian, Ubuntu: the package chromium)")
    running = Browser(tmp_path_factory.mktemp("chromium"))
    yield running
    running.close()


@pytest.fixture
def browser(chromium, tmp_path):
    """Open windows of a browser, as the arguments of ``headless_browser.Page`` say."""
    from headless_browser import Page

    opened = []

    def start(**options):
        opened.append(Page(chromium, tmp_path / f"window{len(opened)}", **options))
        return opened[-1]

    yield start
    for one in opened:
        one.close()
