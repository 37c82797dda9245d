"""/status: a page for people who come with a browser, JSON for everybody else; the page needs nothing but itself."""
import base64
import hashlib
import re

import pytest
from support.daemon import run

BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8"


def page_of(d, accept=BROWSER):
    answer = d.admin("GET", "/status", headers={"Accept": accept})
    assert answer.status == 200 and answer.headers["Content-Type"] == "text/html; charset=utf-8"
    return answer


def policy_of(answer):
    directives = (part.split() for part in answer.headers["Content-Security-Policy"].split(";"))
    return {name: values for name, *values in directives}


def digest(text):
    return "'sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() + "'"


@pytest.mark.parametrize("accept", [None, "*/*", "application/json", "application/json, text/html;q=0.9", "image/png", ""])
def test_programs_get_json(daemon, accept):
    d = daemon(workers=1)
    answer = d.admin("GET", "/status", headers={} if accept is None else {"Accept": accept})
    assert (answer.status, answer.headers["Content-Type"]) == (200, "application/json")
    assert answer.json()["status"] == "ok" and "Accept" in answer.headers["Vary"]
    assert answer.headers["Content-Security-Policy"] is None


def test_the_command_still_reads_it(daemon, stratslabd):
    d = daemon(workers=1)
    done = run(stratslabd, "status", admin_listen=f"127.0.0.1:{d.admin_port}")
    assert done.returncode == 0 and done.stdout.startswith("status      ok")


@pytest.mark.parametrize("accept", [BROWSER, "text/html", "text/*"])
def test_a_browser_gets_the_page_with_a_policy_that_allows_nothing_else(daemon, accept):
    d = daemon(workers=1)
    answer = page_of(d, accept)
    scripts = re.findall(r"<script([^>]*)>(.*?)</script>", answer.text, re.DOTALL)
    styles = re.findall(r"<style([^>]*)>(.*?)</style>", answer.text, re.DOTALL)
    assert [attributes for attributes, _ in scripts + styles] == ["", ""], "one script and one style, both in the page"
    assert policy_of(answer) == {
        "default-src": ["'none'"], "connect-src": ["'self'"], "img-src": ["data:"], "base-uri": ["'none'"], "form-action": ["'none'"],
        "frame-ancestors": ["'none'"], "script-src": [digest(scripts[0][1])], "style-src": [digest(styles[0][1])]}
    assert answer.headers["Referrer-Policy"] == "no-referrer" and answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Cache-Control"] == "no-store" and "Accept" in answer.headers["Vary"]


def test_the_page_refers_to_nothing_outside(daemon):
    text = page_of(daemon(workers=1)).text
    assert set(re.findall(r'(?:src|href)="([^"]*)"', text)) - {"/metrics"} == set(re.findall(r'href="(data:image/svg\+xml,[^"]*)"', text))
    assert set(re.findall(r'https?://[^\s"\'`)]+', text)) == {"http://www.w3.org/2000/svg"}, "a name, not an address"
    assert set(re.findall(r'ask\("([^"]+)"', text)) == {"/metrics", "/status"}
    for what in (r"\bon\w+=\"", r"style=\"", r"@import", r"url\(", r"\beval\(", r"innerHTML", r"\bimport\b\("):
        assert not re.search(what, text), f"{what}: the policy would refuse it, or it is no good way"


def test_what_the_page_reads_is_there(daemon):
    d = daemon(workers=1)
    text, metrics, status = page_of(d).text, d.admin("GET", "/metrics").text, d.admin("GET", "/status").json()
    names = set(re.findall(r'(?:sum\(samples, |[A-Z] = )"(\w+)"', text))
    assert len(names) >= 8 and all(f"# TYPE {status['program']}_{name} " in metrics for name in names)
    for name in re.findall(r"\bstatus\.(\w+)", text):
        assert name in status or name == "status", name
    for name in re.findall(r"\bw\.(\w+)", text):
        assert name in status["workers"][0], name


def test_head_has_the_page_s_length(daemon):
    d = daemon(workers=1)
    head = d.admin("HEAD", "/status", headers={"Accept": "text/html"})
    assert head.body == b"" and int(head.headers["Content-Length"]) == len(page_of(d).body)
