"""The page for people at /, and its files, over HTTP: who gets it, caching, policy, and what there is without its files."""
import base64
import gzip
import hashlib
import os
import re
import shutil

import pytest
from support import docs_ui

BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8"
KEPT = "public, max-age=31536000, immutable"
PACKED_MAX = 250 * 1024
ADDRESS = re.compile(r'(?:src|href|data-licences)="(/ui/[^"]+)"')


@pytest.fixture
def service(daemon, ui_dir):
    return daemon(ui_dir=ui_dir, workers=1)


def page_of(service):
    answer = service.request("GET", "/", headers={"Accept": BROWSER})
    assert answer.status == 200 and answer.headers["Content-Type"] == "text/html; charset=utf-8"
    return answer


@pytest.mark.parametrize("accept, gets", [
    (None, "json"), ("*/*", "json"), ("application/json", "json"), ("application/json, text/plain, */*", "json"),
    ("application/*, text/html;q=0.5", "json"), (BROWSER, "html"), ("text/html", "html")])
def test_programs_get_what_they_got(daemon, accept, gets):
    d = daemon(workers=1)
    answer = d.request("GET", "/", headers={} if accept is None else {"Accept": accept})
    assert answer.status == 200 and answer.headers["Vary"] == "Accept"
    assert gets in answer.headers["Content-Type"]
    if gets == "json":
        assert answer.json()["links"]["strategies"] == "/api/v1/strategies"
    again = d.request("GET", "/", headers={"If-None-Match": answer.headers["ETag"], **({} if accept is None else {"Accept": accept})})
    assert again.status == 304


def test_policy_and_addresses(service):
    answer = page_of(service)
    policy = dict(part.strip().split(" ", 1) for part in answer.headers["Content-Security-Policy"].split(";"))
    assert policy["default-src"] == policy["frame-ancestors"] == policy["base-uri"] == policy["form-action"] == "'none'"
    assert {word for value in policy.values() for word in value.split()} == {"'none'", "'self'", "data:"}
    assert answer.headers["Cache-Control"] == "no-cache" and answer.headers["Referrer-Policy"] == "no-referrer"
    assert not re.search(r"<style|<script(?! type=\"module\" src)|style=|\son\w+=", answer.text)
    assert set(re.findall(r'(?:src|href)="([^"]*)"', answer.text)) - set(ADDRESS.findall(answer.text)) == {"/openapi.json"}


def test_files(service):
    total = 0
    addresses = ADDRESS.findall(page_of(service).text)
    assert len({one.split("/")[2] for one in addresses}) == 1, "one version for all, as modules import each other"
    for address in addresses:
        packed = service.request("GET", address, headers={"Accept-Encoding": "gzip"})
        assert packed.status == 200 and packed.headers["Content-Encoding"] == "gzip" and packed.headers["Cache-Control"] == KEPT, address
        total += len(packed.body)
        plain = gzip.decompress(packed.body)
        assert service.request("GET", address).body == plain
        assert service.request("GET", address, headers={"Accept-Encoding": "gzip", "If-None-Match": packed.headers["ETag"]}).status == 304
        name = address.rpartition("/")[2]
        other = service.request("GET", f"/ui/0123456789/{name}")
        assert other.status == 200 and other.headers["Cache-Control"] == "no-cache"
        if name.endswith(".js"):
            imported = re.findall(r'(?:from|import) ?["\']([^"\']+)["\']', plain.decode())
            assert {address.rpartition("/")[0] + one[1:] for one in imported} <= set(addresses), f"{name} imports what the page does not name"
    assert total <= PACKED_MAX
    assert service.request("GET", addresses[0].rpartition("/")[0] + "/nothing.js").status == 404


@pytest.mark.parametrize("spoil", [shutil.rmtree, lambda folder: (folder / "chart.js.gz").unlink(),
                                   lambda folder: (folder / "list").write_text("../../etc/passwd link\n"),
                                   lambda folder: (folder / "list").write_text("main.js run\n")], ids=["nothing", "a file", "a name", "a use"])
def test_without_its_files(daemon, tmp_path, spoil):
    """A page of our own, which links the API; and the log says why."""
    folder = tmp_path / "ui"
    folder.mkdir()
    docs_ui.make_up(folder, "ui_dir")
    spoil(folder)
    service = daemon(ui_dir=folder, workers=1)
    assert str(folder) in service.wait_log("there is no page for people.*").group(0)
    answer = page_of(service)
    assert re.findall(r'href="([^"]*)"', answer.text) == ["data:,", "/docs", "/openapi.json", "/health"]
    assert "<script" not in answer.text and "default-src 'none'" in answer.headers["Content-Security-Policy"]
    [style] = re.findall(r"<style>(.*?)</style>", answer.text)
    assert f"style-src 'sha256-{base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()}'" in answer.headers["Content-Security-Policy"]
    assert "scripts/dev.sh docs" in answer.text
    assert service.request("GET", "/ui/0/main.js").status == 404
    assert service.request("GET", "/").json()["name"] == "stratslabd"


def test_what_the_page_asks_is_told_in_the_document(daemon):
    """Two endpoints that the page was the reason for: what metrics mean, and what is wrong while one types."""
    d = daemon(workers=1)
    metrics = d.request("GET", "/api/v1/metrics").json()["items"]
    assert {"name": "sharpe", "unit": "ratio"}.items() <= next(one for one in metrics if one["name"] == "sharpe").items()
    check = {"kind": "rules", "parameters": {"long": {"enter": "close > sma(clsoe, 20)"}}}
    answer = d.request("POST", "/api/v1/rules/check", check).json()
    assert answer["known"] and answer["cost"] is None
    assert [(one["pointer"], one["column"]) for one in answer["errors"]] == [("/parameters/long/enter", 13)]
    assert "did you mean close?" in answer["errors"][0]["detail"]
    check["parameters"]["long"]["enter"] = "close > sma(close, 20)"
    answer = d.request("POST", "/api/v1/rules/check", check).json()
    assert answer["errors"] == [] and answer["cost"] > 0
    answer = d.request("POST", "/api/v1/rules/check", {"kind": "of_somebody_else"}).json()
    assert (answer["known"], answer["parameters"], answer["errors"]) == (False, {}, [])


def test_every_file_of_the_page_is_named():
    """In the list that the page is made of, and in the Makefile's, without which an archive of the sources lacks it."""
    folder = os.path.join(docs_ui.TOP, "web-ui")
    with open(os.path.join(folder, "files.list"), encoding="utf-8") as f:
        listed = {line.split()[0] for line in f if line.strip() and line.split()[-1] == "."}
    with open(os.path.join(folder, "room.am"), encoding="utf-8") as f:
        distributed = set(re.findall(r"web-ui/([\w.-]+\.(?:js|css|svg))(?!\w)", f.read()))
    there = {name for name in os.listdir(folder) if name.endswith((".js", ".css", ".svg"))}
    assert listed == distributed == there
