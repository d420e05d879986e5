"""Runs the scenario in a headless Chromium: python3 chromium.py MODE ws://HOST:PORT http://HOST:PORT

Speaks the WebDriver protocol to chromedriver with nothing but the standard library.
"""

import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request

BROWSERS = ["chromium", "chromium-browser", "google-chrome"]
PATIENCE = 120
# Everything is on this machine, so no proxy that the environment names has a say.
OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def call(method, url, body=None):
    """One HTTP request: its status, and what it answers as JSON."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data=data, method=method, headers={"Content-Type": "application/json"})
    try:
        with OPENER.open(request, timeout=PATIENCE) as response:
            status, text = response.status, response.read()
    except urllib.error.HTTPError as error:
        status, text = error.code, error.read()
    return status, json.loads(text) if text else None


class Browser:
    """A Chromium with one page, driven through chromedriver."""

    def __init__(self, profile):
        # Browser and driver end with this process group, which the test that started us owns.
        self.driver = subprocess.Popen(["chromedriver", "--port=0"], stdout=subprocess.PIPE, stderr=sys.stderr, text=True)
        for line in self.driver.stdout:
            found = re.search(r"started successfully on port (\d+)", line)
            if found:
                break
        else:
            raise RuntimeError("chromedriver did not start")
        self.url = f"http://127.0.0.1:{found[1]}"
        arguments = ["--headless=new", "--disable-gpu", "--disable-dev-shm-usage", f"--user-data-dir={profile}"]
        if os.geteuid() == 0:
            arguments.append("--no-sandbox")
        binary = next(path for path in map(shutil.which, BROWSERS) if path)
        options = {"browserName": "chrome", "goog:chromeOptions": {"binary": binary, "args": arguments}}
        session = self.post("/session", {"capabilities": {"alwaysMatch": options}})
        self.url += f"/session/{session['sessionId']}"
        self.post("/timeouts", {"script": PATIENCE * 1000})

    def post(self, path, body):
        """A WebDriver command; its value."""
        status, answer = call("POST", self.url + path, body)
        if status != 200:
            raise RuntimeError(f"{path}: {answer['value'].get('message')}")
        return answer["value"]

    def run(self, script, *arguments, wait=False):
        """Runs a script in the page; with `wait`, until it calls its last argument."""
        path = "/execute/async" if wait else "/execute/sync"
        return self.post(path, {"script": script, "args": list(arguments)})

    def close(self):
        """Closes the browser, then the driver."""
        try:
            call("DELETE", self.url)
        finally:
            self.driver.terminate()
            self.driver.wait()


def main():
    """Opens the page, does what it asks for, prints its verdict."""
    mode, url, admin = sys.argv[1:]
    page = pathlib.Path(__file__).resolve().with_name("page.html").as_uri()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        browser = Browser(profile)
        try:
            browser.post("/url", {"url": page})
            browser.run("start(arguments[0], arguments[1])", mode, url)
            while True:
                message = browser.run("next(arguments[0])", wait=True)
                if "verdict" in message:
                    print(json.dumps(message["verdict"]), flush=True)
                    return
                if "line" in message:
                    print(message["line"], flush=True)
                if "admin" in message:
                    asked = message["admin"]
                    status, answer = call(asked["method"], admin + asked["path"])
                    browser.run("answer(arguments[0], arguments[1])", asked["id"], {"status": status, "json": answer})
        finally:
            browser.close()


if __name__ == "__main__":
    main()
