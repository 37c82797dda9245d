"""Headless Chromium, driven by plain requests to chromedriver (W3C WebDriver). It reaches 127.0.0.1 and nobody else: every name
below .example is that address, as a name is that was rebound."""
import base64
import contextlib
import http.client
import json
import os
import secrets
import shutil
import subprocess
from signal import SIGKILL

from . import processes
from .ports import Port
from .wait import SLOWNESS, wait_until

STEP_SECONDS = 30
ELEMENT = "element-6066-11e4-a52e-4f735466cecf"  # the key of a reference to an element; the standard's own
OF_ITS_OWN = ("chrome:", "chrome-untrusted:")  # pages of the browser, which may still load where it is slow
FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
         "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage", "--window-size=1280,1000",
         "--host-resolver-rules=MAP *.example 127.0.0.1, MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"]


def missing():
    """What of it is not installed; "" where all is there."""
    return ", ".join(name for name in ("chromium", "chromedriver") if not shutil.which(name))


class Browser:
    def __init__(self, folder):
        self.folder = folder
        self.driver = None
        self.port = None
        self.session = ""
        self.marker = f"STRATS_FRAME={secrets.token_hex(8)}"

    def __enter__(self):
        log = os.path.join(self.folder, "chromedriver.log")
        env = {**os.environ, **dict([self.marker.split("=")])}
        self.port = Port()  # where there is no IPv6 it cannot say which one the kernel gave it
        with open(log, "wb") as out:
            self.driver = subprocess.Popen(["chromedriver", f"--port={int(self.port)}"], env=env, stdin=subprocess.DEVNULL, stdout=out, stderr=out,
                                           start_new_session=True)
        try:
            wait_until(lambda: self._said(log), 15, "chromedriver to start")
            options = {"binary": shutil.which("chromium"), "args": [*FLAGS, f"--user-data-dir={self.folder}/profile"]}
            wanted = {"goog:chromeOptions": options, "goog:loggingPrefs": {"browser": "ALL", "performance": "ALL"}}
            session = self._call("POST", "/session", {"capabilities": {"alwaysMatch": wanted}})["sessionId"]
            self.session = f"/session/{session}"
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(self, *_):
        with contextlib.suppress(AssertionError, OSError):
            self._call("DELETE", self.session)
        self._end()

    @staticmethod
    def _said(log):
        with open(log, encoding="utf-8", errors="replace") as f:
            return "was started successfully" in f.read()

    def _end(self):
        """The browser and all its processes, which have groups of their own."""
        for pid in processes.belonging(self.driver.pid, self.marker):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, SIGKILL)
        self.driver.wait()
        self.port.release()

    def _call(self, method, path, body=None):
        connection = http.client.HTTPConnection("127.0.0.1", int(self.port), timeout=STEP_SECONDS * 2 * SLOWNESS)
        try:
            connection.request(method, path, None if body is None else json.dumps(body), {"Content-Type": "application/json"})
            response = connection.getresponse()
            value = json.loads(response.read())["value"]
        finally:
            connection.close()
        assert response.status == 200, f"{method} {path}: {value}"
        return value

    def open(self, url):
        self._call("POST", f"{self.session}/url", {"url": url})

    def script(self, code, *arguments):
        return self._call("POST", f"{self.session}/execute/sync", {"script": code, "args": list(arguments)})

    def wait_for(self, code, *arguments, what=None):
        """Until the script's value is true; returns it."""
        return wait_until(lambda: self.script(code, *arguments), STEP_SECONDS, what or code, interval=0.1)

    def find(self, selector):
        """The first element of a CSS selector, once it is there."""
        return self.wait_for("return document.querySelector(arguments[0])", selector, what=selector)[ELEMENT]

    def click(self, selector):
        self._call("POST", f"{self.session}/element/{self.find(selector)}/click", {})

    def write(self, selector, text):
        """Into a field, instead of what it holds: pasted, as a page takes it much faster than key by key."""
        self.find(selector)
        self.script("""
            const field = document.querySelector(arguments[0]);
            field.focus();
            field.select();
            document.execCommand("insertText", false, arguments[1]);
            """, selector, text)

    def keys(self, selector, text):
        """Key by key, behind what a field holds."""
        self._call("POST", f"{self.session}/element/{self.find(selector)}/value", {"text": text})

    def choose_file(self, selector, path):
        """Into a field for files, which may be hidden."""
        self.keys(selector, path)

    def size(self, width, height, dark=False):
        """The window's, as a phone's if it is narrow; and whether people like it dark."""
        self.devtools("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=2 if width < 600 else 1, mobile=width < 600)
        self.devtools("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}])

    def text(self, selector):
        return self._call("GET", f"{self.session}/element/{self.find(selector)}/text")

    def devtools(self, command, **parameters):
        """A command of the DevTools protocol."""
        return self._call("POST", f"{self.session}/goog/cdp/execute", {"cmd": command, "params": parameters})

    def screenshot(self, path, whole=True):
        """Of the whole page, however long, or of what is seen."""
        picture = self.devtools("Page.captureScreenshot", captureBeyondViewport=whole, format="png")["data"]
        with open(path, "wb") as f:
            f.write(base64.b64decode(picture))

    def console(self):
        """What the page has had written to the console since the last look: errors, violations of policies, and the like. The browser's
        own pages write there too, where it is slow."""
        lines = [f"{line['level']} {line['message']}" for line in self._call("POST", f"{self.session}/se/log", {"type": "browser"})]
        return [line for line in lines if not line.partition(" ")[2].startswith(OF_ITS_OWN)]

    def requests(self):
        """The addresses that pages have asked for since the last look, but for data: and the browser's own pages."""
        lines = self._call("POST", f"{self.session}/se/log", {"type": "performance"})
        events = [json.loads(line["message"])["message"] for line in lines]
        urls = [e["params"]["request"]["url"] for e in events if e["method"] == "Network.requestWillBeSent"]
        return [url for url in urls if not url.startswith(("data:", *OF_ITS_OWN))]
