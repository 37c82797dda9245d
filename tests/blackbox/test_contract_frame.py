"""The judge of answers (support/contract.py) sees what it is there to see."""
import json

import pytest
from support import contract

ID = "019360a0-7c5e-7000-8000-000000000000"
PATH = f"/api/v1/strategies/{ID}"
STRATEGY = {"id": ID, "name": "n", "description": "", "kind": "k", "parameters": {}, "status": "draft", "version": 1,
            "created_at": "2026-11-23T14:03:52Z", "updated_at": "2026-11-23T14:03:52.123456Z"}
ALWAYS = {"X-Request-ID": "a", "Cache-Control": "no-store", "Cross-Origin-Resource-Policy": "same-origin"}
FIELDS = {**ALWAYS, "Content-Type": "application/json", "ETag": '"1"', "Date": "now", "Content-Length": "1"}
PROBLEM = {"type": "about:blank", "title": "Not Found", "status": 404, "code": "not_found", "detail": "No.", "request_id": "a"}
PROBLEM_FIELDS = {**ALWAYS, "Content-Type": "application/problem+json"}


@pytest.fixture(scope="module")
def judge(stratslabd):
    return contract.of()


@pytest.mark.parametrize("method, target, status, fields, body", [
    ("GET", PATH, 200, FIELDS, STRATEGY),
    ("HEAD", PATH + "?", 200, FIELDS, None),
    ("GET", PATH.upper().replace("/API/V1/STRATEGIES", "/api/v1/strategies"), 404, PROBLEM_FIELDS, PROBLEM),
    ("GET", "/nowhere", 404, PROBLEM_FIELDS, PROBLEM),
    ("DELETE", PATH, 204, ALWAYS, None),
    ("POST", PATH, 405, {**PROBLEM_FIELDS, "Allow": "GET, HEAD, PUT, PATCH, DELETE, OPTIONS"}, PROBLEM),
    ("OPTIONS", PATH, 204, {"Allow": "GET, HEAD, PUT, PATCH, DELETE, OPTIONS"}, None),
])
def test_what_the_document_has_is_allowed(judge, method, target, status, fields, body):
    judge.check(method, target, status, fields, b"" if body is None else json.dumps(body).encode())


@pytest.mark.parametrize("said, target, status, fields, body", [
    ("no such path", "/nowhere", 200, FIELDS, STRATEGY),
    ("no such operation", "/health/live", 200, FIELDS, STRATEGY),
    ("no such status", PATH, 202, FIELDS, STRATEGY),
    ("etag is missing", PATH, 200, {**FIELDS, "ETag": None}, STRATEGY),
    ("etag .*'1' does not match", PATH, 200, {**FIELDS, "ETag": "1"}, STRATEGY),
    ("retry-after is not a field", PATH, 200, {**FIELDS, "Retry-After": "1"}, STRATEGY),
    ("Content-Type is text/html", PATH, 200, {**FIELDS, "Content-Type": "text/html"}, STRATEGY),
    ("not JSON", PATH, 200, FIELDS, b"{"),
    ("'name' is a required", PATH, 200, FIELDS, {**STRATEGY, "name": None}),
    ("'colour' was unexpected", PATH, 200, FIELDS, {**STRATEGY, "colour": 1}),
    ("is not a 'date-time'", PATH, 200, FIELDS, {**STRATEGY, "created_at": "2026-02-30T14:03:52Z"}),
    ("is not a 'uuid'", PATH, 200, FIELDS, {**STRATEGY, "id": "17"}),
    ("does not match", PATH, 200, FIELDS, {**STRATEGY, "kind": "k\n"}),
    ("'detail' is a required", PATH, 404, PROBLEM_FIELDS, {**PROBLEM, "detail": None}),
])
def test_what_it_has_not_is_seen(judge, said, target, status, fields, body):
    fields = {name: value for name, value in fields.items() if value is not None}
    if isinstance(body, dict):
        body = json.dumps({name: value for name, value in body.items() if value is not None}).encode()
    with pytest.raises(AssertionError, match=said):
        judge.check("POST" if "operation" in said else "GET", target, status, fields, body)
