"""What strategies are made of: /api/v1/kinds and /api/v1/functions."""
import json

import jsonschema
import pytest
from support import daemon as daemons

NAMES = ("kinds", "functions")


@pytest.mark.parametrize("name", NAMES)
def test_it_is_what_backtestd_prints(daemon, backtestd, name):
    d = daemon()
    answer = d.request("GET", f"/api/v1/{name}")
    assert answer.status == 200, answer.text
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.json() == {"items": json.loads(daemons.run(backtestd, name, "--json").stdout), "next": None}
    assert d.request("GET", "/").json()["links"][name] == f"/api/v1/{name}"


@pytest.mark.parametrize("name", NAMES)
def test_it_is_sent_once(daemon, name):
    d = daemon()
    etag = d.request("GET", f"/api/v1/{name}").headers["ETag"]
    again = d.request("GET", f"/api/v1/{name}", headers={"If-None-Match": etag})
    assert (again.status, again.body, again.headers["ETag"]) == (304, b"", etag)
    assert d.request("GET", f"/api/v1/{name}", headers={"If-None-Match": '"0"'}).status == 200


def test_the_schemas_say_what_the_check_says(daemon):
    """Each default and each bound of each kind."""
    d = daemon()
    number = 0
    for kind in d.request("GET", "/api/v1/kinds").json()["items"]:
        schema = kind["parameters"]
        jsonschema.Draft202012Validator.check_schema(schema)
        if kind["name"] == "rules":
            continue
        given = {name: p for name, p in schema["properties"].items() if "default" in p}
        values = [{}, {"no_such_parameter": 1}, {name: p["default"] for name, p in given.items()}]
        for name, p in given.items():
            if p["type"] == "boolean":
                values += [{name: True}, {name: False}, {name: 3}]
            else:
                values += [{name: p["maximum"]}, {name: p["minimum"]}, {name: p["maximum"] + 1}, {name: p["minimum"] - 1}, {name: "1"}]
        for parameters in values:
            number += 1
            answer = d.request("POST", "/api/v1/strategies", {"name": f"n {number}", "kind": kind["name"], "parameters": parameters})
            is_right = jsonschema.Draft202012Validator(schema).is_valid(parameters)
            assert answer.status == (201 if is_right else 422), (kind["name"], parameters, answer.text)
