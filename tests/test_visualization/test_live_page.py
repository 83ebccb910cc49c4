"""The live page, driven in a browser: a picture picked, compared, replaced."""

import numpy as np
import pytest
from PIL import Image

from mmdenoise.visualization.live_page import build_page, check_gradio, open_page

GREYS = dict(noisy=60, separate=120, joint=180, clean=240)


@pytest.fixture
def page_of(tmp_path):
    """Serve a page whose denoisers paint pictures grey; gives its address and calls."""
    pytest.importorskip("gradio", reason="the live page's package is not installed")
    served = []

    def start():
        paths = []
        for name in ("first", "second"):
            paths.append(str(tmp_path / f"{name}.png"))
            Image.fromarray(np.full((48, 64, 3), 99, np.uint8)).save(paths[-1])
        calls = []

        def run(path, sigma):
            calls.append(sigma)
            if len(calls) == 3:
                raise ValueError("the third picture is broken")
            names = [n for n in GREYS if sigma is not None or n != "clean"]
            pictures = {n: np.full((48, 64, 3), GREYS[n], np.uint8) for n in names}
            return pictures, pictures, f"level of call {len(calls)}"

        page = build_page(run, ["separate", "joint"], paths, 45)
        served.append(page)
        return open_page(page, folders=[str(tmp_path)], wait=False), calls

    yield start
    for page in served:
        page.close()


@pytest.mark.parametrize("width, height", [(1920, 1080), (390, 844)])
def test_pick_denoise_compare(browser, page_of, width, height):
    address, calls = page_of()
    page = browser(width=width, height=height, mobile=width < 500)
    page.open(address)
    page.wait("document.querySelector('#go')")
    page.wait("document.querySelectorAll('.gallery-item, .gallery button, td').length")
    page.click(".gallery-item, .gallery button, td")
    page.wait("document.querySelector('#picture img')")
    page.click("#go")
    page.wait("document.body.innerText.includes('level of call 1')")
    assert calls == [45]
    # Noisy against the last method, and a view of each of the four versions.
    page.wait("document.querySelectorAll('#slider img').length >= 2")
    page.wait("document.querySelectorAll('.view img').length === 4")
    assert page.run("document.documentElement.scrollWidth <= innerWidth")

    page.run("document.querySelectorAll('input[type=radio]')[1].click()")
    page.click("#go")
    page.wait("document.body.innerText.includes('level of call 2')")
    assert calls == [45, None]
    page.wait("document.querySelectorAll('.view img').length === 3")

    page.click("#go")
    page.wait("document.body.innerText.includes('the third picture is broken')")
    outside = [url for url in page.requests() if not url.startswith(address[:16])]
    assert outside == []


def test_missing_package_is_one_line(monkeypatch):
    import builtins

    found = builtins.__import__

    def without(name, *more):
        if name == "gradio":
            raise ImportError(name)
        return found(name, *more)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(ImportError, match=r"pip install 'mmdenoise\[demo\]'"):
        check_gradio()
