"""Headless Chromium for the tests of pages, driven by mouse, keyboard and touch.

The DevTools protocol over a pipe: JSON, each message ended by a zero byte. So nothing
need be installed beside the browser.
"""

import base64
import json
import os
import select
import shutil
import subprocess
import time
from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
KEYS = dict(Enter=13, Backspace=8, Tab=9, ArrowLeft=37, ArrowUp=38, ArrowRight=39)
SHIFT = 8
PATIENCE = 30  # seconds


def find_browser():
    """Path of a Chromium, None where there is none."""
    return next((path for name in NAMES if (path := shutil.which(name))), None)


class Browser:
    """A headless Chromium, started once for many pages.

    Args:
        folder: For its profile.
    """

    def __init__(self, folder):
        to_browser, self._write = os.pipe()
        self._read, from_browser = os.pipe()

        def connect():
            # The browser reads from descriptor 3 and writes to 4.
            ends = os.dup(to_browser), os.dup(from_browser)
            os.dup2(ends[0], 3)
            os.dup2(ends[1], 4)

        self._process = subprocess.Popen(
            [
                find_browser(),
                "--headless=new",
                "--no-sandbox",
                "--disable-gpu",
                "--disable-dev-shm-usage",
                "--no-first-run",
                "--force-color-profile=srgb",
                "--remote-debugging-pipe",
                f"--user-data-dir={folder}/profile",
                "about:blank",
            ],
            close_fds=False,
            preexec_fn=connect,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(to_browser)
        os.close(from_browser)
        self._buffer, self._count = b"", 0
        self.events = []

    def close(self):
        self._process.kill()
        self._process.wait()
        os.close(self._write)
        os.close(self._read)

    def send(self, method, session=None, **params):
        self._count += 1
        message = dict(id=self._count, method=method, params=params)
        if session is not None:
            message["sessionId"] = session
        os.write(self._write, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._receive()
            if answer.get("id") == self._count:
                assert "error" not in answer, (method, answer["error"])
                return answer["result"]
            if "method" in answer:
                self.events.append(answer)

    def _receive(self):
        while b"\0" not in self._buffer:
            ready, _, _ = select.select([self._read], [], [], PATIENCE)
            assert ready, "the browser does not answer"
            part = os.read(self._read, 1 << 20)
            assert part, "the browser has ended"
            self._buffer += part
        message, _, self._buffer = self._buffer.partition(b"\0")
        return json.loads(message)


class Page:
    """A page with a storage of its own.

    Args:
        browser: A :class:`Browser`.
        downloads: Folder for what is downloaded.
        width: Of the window in CSS pixels.
        height: Likewise.
        mobile: Behave as a phone does, with touch.
    """

    def __init__(self, browser, downloads, width=1920, height=1080, mobile=False):
        self.downloads = Path(downloads)
        self.downloads.mkdir(parents=True, exist_ok=True)
        self._browser = browser
        context = browser.send("Target.createBrowserContext")
        where = dict(behavior="allow", downloadPath=str(downloads))
        browser.send("Browser.setDownloadBehavior", **where, **context)
        target = browser.send("Target.createTarget", url="about:blank", **context)
        attached = browser.send("Target.attachToTarget", **target, flatten=True)
        self._context, self._session = context, attached["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self._send(f"{domain}.enable")
        # Keys go to the page that has the focus: with several open, any of them.
        self._send("Emulation.setFocusEmulationEnabled", enabled=True)
        self.resize(width, height, mobile)

    def close(self):
        self._browser.send("Target.disposeBrowserContext", **self._context)

    def _send(self, method, **params):
        return self._browser.send(method, self._session, **params)

    @property
    def _events(self):
        events = self._browser.events
        return [one for one in events if one.get("sessionId") == self._session]

    def resize(self, width, height, mobile=False):
        size = dict(width=width, height=height, deviceScaleFactor=2 if mobile else 1)
        self._send("Emulation.setDeviceMetricsOverride", mobile=mobile, **size)
        self._send("Emulation.setTouchEmulationEnabled", enabled=mobile)

    def open(self, url):
        self._send("Page.navigate", url=url)
        self.wait("document.readyState === 'complete'")

    def reload(self):
        self.run("window.stale = true")
        # After Page.reload a busy Chromium at times never showed the page it had left.
        self._send("Page.navigate", url=self.run("location.href"))
        self.wait("!window.stale && document.readyState === 'complete'")

    def run(self, script):
        """Value of a JavaScript expression, as JSON holds it."""
        found = self._send("Runtime.evaluate", expression=script, returnByValue=True)
        assert "exceptionDetails" not in found, found["exceptionDetails"]
        return found["result"].get("value")

    def wait(self, script, patience=PATIENCE):
        end = time.monotonic() + patience
        while True:
            try:
                if self.run(f"Boolean({script})"):
                    return
            except AssertionError:  # between two documents
                pass
            assert time.monotonic() < end, f"never true: {script}"
            time.sleep(0.05)

    def text(self, selector):
        return self.run(f"document.querySelector({selector!r}).innerText")

    def says(self, selector, text):
        """Wait until an element says so: a key's work may come after the key."""
        self.wait(f"document.querySelector({selector!r})?.innerText === {text!r}")

    def shown(self, selector):
        return self.run(f"document.querySelector({selector!r}).offsetParent !== null")

    def place(self, selector, index=0):
        """Centre of an element in the window, scrolled to if need be."""
        script = f"""(() => {{
            const one = document.querySelectorAll({selector!r})[{index}];
            one.scrollIntoView({{ block: 'center', behavior: 'instant' }});
            const box = one.getBoundingClientRect();
            return [box.x + box.width / 2, box.y + box.height / 2];
        }})()"""
        return self.run(script)

    def click(self, selector, index=0):
        x, y = self.place(selector, index)
        self.mouse("mouseMoved", x, y, button="none")
        self.mouse("mousePressed", x, y)
        self.mouse("mouseReleased", x, y)

    def mouse(self, kind, x, y, button="left", **more):
        given = dict(type=kind, x=x, y=y, button=button, clickCount=1, **more)
        self._send("Input.dispatchMouseEvent", **given)

    def drag(self, start, end):
        self.mouse("mousePressed", *start)
        for part in (0.5, 1):
            between = [a + (b - a) * part for a, b in zip(start, end)]
            self.mouse("mouseMoved", *between, buttons=1)
        self.mouse("mouseReleased", *end)

    def wheel(self, selector, delta):
        x, y = self.place(selector)
        self.mouse("mouseWheel", x, y, button="none", deltaX=0, deltaY=delta)

    def tap(self, selector, index=0):
        self.touch("touchStart", [self.place(selector, index)])
        self.touch("touchEnd", [])

    def touch(self, kind, points):
        fingers = [dict(x=x, y=y, id=i) for i, (x, y) in enumerate(points)]
        self._send("Input.dispatchTouchEvent", type=kind, touchPoints=fingers)

    def key(self, key, shift=False):
        code = KEYS.get(key, ord(key.upper()) if len(key) == 1 else 0)
        given = dict(key=key, windowsVirtualKeyCode=code, modifiers=SHIFT * shift)
        text = "\r" if key == "Enter" else key if len(key) == 1 else ""
        self._send("Input.dispatchKeyEvent", type="keyDown", text=text, **given)
        self._send("Input.dispatchKeyEvent", type="keyUp", **given)

    def screenshot(self, path):
        image = self._send("Page.captureScreenshot")["data"]
        Path(path).write_bytes(base64.b64decode(image))

    def downloaded(self):
        """Path of the newest download, once it is there."""
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            files = list(self.downloads.iterdir())
            # An empty file stands there first, and a partial one beside it.
            done = all(f.suffix != ".crdownload" and f.stat().st_size for f in files)
            if files and done:
                return max(files, key=lambda f: f.stat().st_mtime_ns)
            time.sleep(0.05)
        raise AssertionError("nothing was downloaded")

    def problems(self):
        """Errors that the page threw or logged."""
        kinds = ("Runtime.exceptionThrown", "Log.entryAdded")
        return [e for e in self._events if e["method"] in kinds]

    def requests(self):
        """Addresses that were asked for, without those inside the page."""
        asked = [e for e in self._events if e["method"] == "Network.requestWillBeSent"]
        urls = [event["params"]["request"]["url"] for event in asked]
        return [url for url in urls if not url.startswith(("data:", "blob:"))]
