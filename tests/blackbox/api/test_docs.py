"""/docs and its files over HTTP: forms, caching, policy, settings, and what there is without Swagger UI."""
import contextlib
import gzip
import os
import re
import shutil
from html.parser import HTMLParser
from signal import SIGKILL

import pytest
from support import docs_ui
from support.wait import wait_until

TYPES = {"css": "text/css", "js": "text/javascript", "svg": "image/svg+xml", "txt": "text/plain"}
KEPT = "public, max-age=31536000, immutable"


class Addresses(HTMLParser):
    """Every address in a page, and every script or style that stands in it."""

    def __init__(self, html):
        super().__init__()
        self.found, self.inline = [], []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        names = dict(attrs)
        self.found += [names[name] for name in ("href", "src", "data-document") if name in names]
        if tag == "style" or (tag == "script" and "src" not in names) or any(n == "style" or n.startswith("on") for n in names):
            self.inline.append(tag)


def page_of(service, path="/docs"):
    answer = service.request("GET", path, headers={"Accept": "text/html,*/*;q=0.8"})
    assert answer.status == 200
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    return answer


def files_of(service, path="/docs"):
    found = Addresses(page_of(service, path).text).found
    return [one for one in found if one.startswith(f"{path}/")]


@pytest.fixture
def service(daemon, docs_dir):
    return daemon(docs_dir=docs_dir, workers=1)


def test_a_slash_at_the_end_of_its_path_leads_to_the_page(service):
    for query in ("", "?", "?a=b&c=%2F//%20", "?x=http://elsewhere/"):
        answer = service.request("GET", f"/docs/{query}")
        assert answer.status == 308 and answer.headers["Location"] == f"/docs{query}" and answer.body == b""
        assert answer.headers["Content-Length"] == "0" and answer.headers["Cache-Control"] == "no-cache"
        head = service.request("HEAD", f"/docs/{query}")
        assert head.status == 308 and head.headers["Location"] == f"/docs{query}"
    options = service.request("OPTIONS", "/docs/")
    assert options.status == 204 and options.headers["Allow"] == "GET, HEAD, OPTIONS"
    refused = service.request("POST", "/docs/")
    assert refused.status == 405 and refused.headers["Allow"] == "GET, HEAD, OPTIONS"
    assert service.request("GET", "/docs//").status == 404


def test_a_slash_at_the_end_follows_the_setting(daemon, docs_dir):
    moved = daemon(docs_dir=docs_dir, docs_url="/api-docs/page", workers=1)
    assert moved.request("GET", "/api-docs/page/?a=b").headers["Location"] == "/api-docs/page?a=b"
    assert moved.request("GET", "/docs/").status == 404


def test_page(service):
    answer = page_of(service)
    assert answer.headers["Cache-Control"] == "no-cache"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    policy = dict(part.strip().split(" ", 1) for part in answer.headers["Content-Security-Policy"].split(";"))
    assert policy["default-src"] == policy["frame-ancestors"] == policy["base-uri"] == policy["form-action"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == policy["connect-src"] == "'self'"
    assert {word for value in policy.values() for word in value.split()} == {"'none'", "'self'", "data:"}
    page = Addresses(answer.text)
    assert page.inline == []
    assert all(re.match(r"/[^/]", one) or one == "/" for one in page.found), page.found
    assert "/openapi.json" in page.found

    same = service.request("GET", "/docs", headers={"If-None-Match": answer.headers["ETag"]})
    assert (same.status, same.body) == (304, b"")
    head = service.request("HEAD", "/docs")
    assert (head.status, head.body) == (200, b"")
    for name in ("Content-Length", "ETag", "Content-Security-Policy", "Content-Type"):
        assert head.headers[name] == answer.headers[name]
    assert service.request("POST", "/docs").status == 405
    assert service.request("GET", "/docs", headers={"Accept": "application/json"}).status == 406


def test_files(service):
    files = files_of(service)
    assert len(files) == 6
    for address in files:
        plain = service.request("GET", address, headers={"Accept-Encoding": "identity"})
        packed = service.request("GET", address, headers={"Accept-Encoding": "gzip, deflate, br"})
        name = address.partition("?")[0].rpartition("/")[2]
        for answer in (plain, packed):
            assert answer.status == 200
            assert answer.headers["Content-Type"].partition(";")[0] == TYPES[name.rpartition(".")[2]]
            assert answer.headers["Vary"] == "Accept-Encoding"
            assert answer.headers["Cache-Control"] == (KEPT if "?v=" in address else "no-cache")
        assert plain.headers["Content-Encoding"] is None
        assert packed.headers["Content-Encoding"] == "gzip"
        assert gzip.decompress(packed.body) == plain.body
        assert plain.headers["ETag"] != packed.headers["ETag"]
        unsaid = service.request("GET", address)
        assert unsaid.body == plain.body

        for answer, coding in ((plain, "identity"), (packed, "gzip")):
            fields = {"Accept-Encoding": coding, "If-None-Match": answer.headers["ETag"]}
            same = service.request("GET", address, headers=fields)
            assert (same.status, same.body, same.headers["ETag"]) == (304, b"", answer.headers["ETag"])
            head = service.request("HEAD", address, headers={"Accept-Encoding": coding})
            assert (head.status, head.body) == (200, b"")
            assert int(head.headers["Content-Length"]) == len(answer.body)


def test_a_file_of_another_version_is_not_kept(service):
    address = next(one for one in files_of(service) if "bundle" in one)
    name = address.partition("?")[0]
    for query in ("", "?v=", "?v=0123456789abcdef0123", "?w" + address.partition("?v")[2], "?v" + address.partition("?v")[2] + "0"):
        answer = service.request("HEAD", name + query)
        assert (answer.status, answer.headers["Cache-Control"]) == (200, "no-cache")


def test_other_names_are_not_there(service):
    for name in ("package.json", "swagger-ui-bundle.js.gz", "..%2f..%2fetc%2fpasswd", "DOCS.JS", "docs.js/x"):
        answer = service.request("GET", f"/docs/{name}")
        assert answer.status == 404, name
        assert answer.headers["Content-Type"] == "application/problem+json"


def open_files(pid):
    """What its descriptors are; one that is closed meanwhile is left out."""
    for fd in os.listdir(f"/proc/{pid}/fd"):
        with contextlib.suppress(FileNotFoundError):
            yield os.readlink(f"/proc/{pid}/fd/{fd}")


def test_files_are_read_once(daemon, docs_dir, tmp_path):
    folder = tmp_path / "docs"
    shutil.copytree(docs_dir, folder)
    service = daemon(docs_dir=folder, workers=1)
    files = files_of(service)
    shutil.rmtree(folder)
    worker = service.workers()[0]
    assert not [path for path in open_files(worker) if str(folder) in path]
    os.kill(worker, SIGKILL)
    wait_until(lambda: service.workers() not in ([], [worker]), 10, "another worker")
    service.wait_ready()
    assert all(service.request("GET", address).status == 200 for address in files)


def test_other_paths(daemon, docs_dir):
    service = daemon(docs_dir=docs_dir, docs_url="/help/api", openapi_url="/help/api.json", workers=1)
    page = Addresses(page_of(service, "/help/api").text)
    assert "/help/api.json" in page.found and "/openapi.json" not in page.found
    assert all(service.request("GET", address).status == 200 for address in page.found)
    assert len(files_of(service, "/help/api")) == 6
    assert service.request("GET", "/docs").status == 404
    links = service.request("GET", "/").json()["links"]
    assert (links["docs"], links["openapi"]) == ("/help/api", "/help/api.json")


@pytest.mark.parametrize("settings", [{"docs_url": "off"}, {"openapi_url": "off"}], ids=["docs", "openapi"])
def test_off(daemon, docs_dir, settings):
    service = daemon(docs_dir=docs_dir, workers=1, **settings)
    assert service.request("GET", "/docs").status == 404
    assert service.request("GET", "/docs/docs.js").status == 404
    assert "docs" not in service.request("GET", "/").json()["links"]
    assert "Swagger UI" not in service.log()


@pytest.mark.parametrize("path", ["/health", "/api/v1/strategies", "docs", "/", "/docs/", "/do cs", "/d><script>", "/../x", "/a//b", ""])
def test_a_path_that_cannot_be(start_daemon, path):
    service = start_daemon(docs_url=path, DATABASE_URL="postgresql://nobody@127.0.0.1:1/none", wait=False)
    service.expect_exit = 78
    assert service.wait() == 78
    assert path in service.log()


def damage(folder):
    with open(folder / "swagger-ui-bundle.js.gz", "r+b") as f:
        f.truncate(1000)


def remove_one(folder):
    os.unlink(folder / "docs.css.gz")


@pytest.mark.parametrize("spoil, words", [(shutil.rmtree, "No such file"), (damage, "not a whole gzip file"), (remove_one, "docs.css.gz")])
def test_without_swagger_ui(daemon, tmp_path, spoil, words, stratslabd):
    """A page of our own, which links the document; and the log says why. Needs no npm: the files may be anything."""
    folder = tmp_path / "docs"
    folder.mkdir()
    docs_ui.make_up(folder)
    spoil(folder)
    service = daemon(docs_dir=folder, workers=1)
    assert words in service.wait_log("there is no Swagger UI.*").group(0)
    answer = page_of(service)
    page = Addresses(answer.text)
    assert page.found == ["data:,", "/openapi.json"]
    assert page.inline == ["style"] and "<script" not in answer.text  # which the policy names by its digest (test_ui.py)
    assert "scripts/dev.sh docs" in answer.text
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    assert service.request("GET", "/openapi.json").status == 200
    assert service.request("GET", "/docs/docs.js").status == 404
    assert service.request("GET", "/docs", headers={"If-None-Match": answer.headers["ETag"]}).status == 304
