"""The OpenAPI document as it is served and printed; tests/openapi has what judges it."""
import json

PATH = "/openapi.json"


def test_it_is_served_as_it_is_printed(daemon, command):
    d = daemon(workers=1)
    served = d.request("GET", PATH)
    printed = command("openapi", DATABASE_URL="postgresql://nobody@127.0.0.1:1/nowhere")
    assert served.status == 200 and served.headers["Content-Type"] == "application/json"
    assert printed.returncode == 0 and printed.stderr == ""
    assert served.text == printed.stdout
    document = served.json()
    assert document["openapi"].startswith("3.1.")
    assert document["info"]["version"] == d.request("GET", "/").json()["version"]
    assert d.request("GET", "/").json()["links"]["openapi"] == PATH


def test_who_has_it_is_not_sent_it_again(daemon):
    d = daemon(workers=1)
    with d.client() as c:
        first = c.request("GET", PATH)
        etag = first.headers["ETag"]
        again = c.request("GET", PATH, headers={"If-None-Match": f'"other", W/{etag}'})
        assert (again.status, again.body) == (304, b"")
        assert again.headers["ETag"] == etag and again.headers["Cache-Control"] == first.headers["Cache-Control"] == "no-cache"
        assert c.request("GET", PATH, headers={"If-None-Match": '"other"'}).status == 200
        assert c.request("HEAD", PATH).headers["Content-Length"] == str(len(first.body))


def test_its_path_is_a_setting(daemon, command):
    d = daemon(workers=1, openapi_url="/spec/v1.json")
    assert d.request("GET", PATH).status == 404
    document = d.request("GET", "/spec/v1.json").json()
    assert "/spec/v1.json" in document["paths"] and PATH not in document["paths"]
    assert d.request("GET", "/").json()["links"]["openapi"] == "/spec/v1.json"
    assert json.loads(command("openapi", openapi_url="/spec/v1.json").stdout) == document


def test_it_can_be_switched_off(daemon, command):
    d = daemon(workers=1, openapi_url="off")
    assert d.request("GET", PATH).status == 404
    assert "openapi" not in d.request("GET", "/").json()["links"]
    assert PATH not in json.loads(command("openapi", openapi_url="off").stdout)["paths"]


def test_a_path_that_is_taken_stops_the_start(command):
    done = command("serve", openapi_url="/health")
    assert done.returncode == 78
    assert "/health is the path of both getHealth and getOpenapi" in done.stderr
    for wrong in ("openapi.json", "/a b", "/a//b", "/../x", "/{id}", ""):
        done = command("config", openapi_url=wrong)
        assert done.returncode == 78 and "STRATSLAB_OPENAPI_URL" in done.stderr, wrong
