"""What others make of the OpenAPI document: two validators and a client, all from npm. tests/openapi/run brings them."""
import json
import os
import subprocess

import pytest
from support import contract, daemon as daemons
from support.wait import SLOWNESS

HERE = os.path.dirname(os.path.abspath(__file__))


@pytest.fixture
def node():
    """node(script, argument…) with the packages of package-lock.json: its standard output; it must end with 0."""
    packages = os.environ["STRATSLAB_TEST_PACKAGES"]

    def run(script, *arguments):
        done = subprocess.run(["node", os.path.join(packages, script), *arguments], cwd=packages, capture_output=True, text=True,
                              stdin=subprocess.DEVNULL, timeout=120 * SLOWNESS, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    return run


@pytest.fixture
def document(stratslabd, tmp_path):
    done = daemons.run(stratslabd, "openapi")
    assert done.returncode == 0, done.stderr
    path = tmp_path / "openapi.json"
    path.write_text(done.stdout, encoding="utf-8")
    return str(path)


@pytest.mark.parametrize("validator", ["redocly", "seriousme"])
def test_a_validator_finds_nothing(node, document, validator):
    assert node("validate.mjs", validator, document) == f"{validator}: 0 findings\n"


@pytest.mark.parametrize("validator", ["redocly", "seriousme"])
def test_a_validator_finds_what_is_wrong(node, tmp_path, document, validator):
    with open(document, encoding="utf-8") as f:
        broken = json.load(f)
    broken["paths"]["/health"]["get"]["responses"]["200"].pop("description")
    path = tmp_path / "broken.json"
    path.write_text(json.dumps(broken), encoding="utf-8")
    with pytest.raises(AssertionError, match="error"):
        node("validate.mjs", validator, str(path))


def test_a_client_made_from_the_document(node, daemon):
    d = daemon()
    said = json.loads(node("client.mjs", d.url + "/openapi.json"))
    created, listed, patched, stale = said["created"], said["listed"], said["patched"], said["stale"]
    assert said["operations"] == len(contract.of().operations())
    assert (created["status"], created["etag"], created["body"]["name"]) == (201, '"1"', said["name"])
    assert created["location"] == f"/api/v1/strategies/{created['body']['id']}"
    assert listed["status"] == 200 and [item["id"] for item in listed["body"]["items"]] == [created["body"]["id"]]
    assert (patched["status"], patched["etag"]) == (200, '"2"')
    assert patched["body"]["parameters"] == {"fast": 12, "slow": 50}
    assert (stale["status"], stale["body"]["code"]) == (412, "stale")
    assert said["read"]["body"] == patched["body"]
    assert [item["version"] for item in said["versions"]["body"]["items"]] == [2, 1]
