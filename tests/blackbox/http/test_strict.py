"""What the service answers to raw bytes (RFC 9110, RFC 9112), whether it closes, and that nothing of it hurts. The http room's
unit tests send many more, cut in every way; these go through the whole program."""
import re

import pytest
from raw import Raw

H = "Host: localhost\r\n"
LIST = "/api/v1/strategies"
GET = "GET /health/live HTTP/1.1\r\n"
ASK = f"{GET}{H}\r\n"
POST = f"POST {LIST} HTTP/1.1\r\n{H}Content-Type: application/json\r\n"
CHUNKED = POST + "Transfer-Encoding: chunked\r\n\r\n"
BAD = '{"name":1}'  # 10 bytes that are read whole and then answered 422
UUID = "01234567-89ab-7def-8123-456789abcdef"


def target(text, method="GET"):
    return f"{method} {text} HTTP/1.1\r\n{H}\r\n"


def host(value):
    return f"{GET}Host:{value}\r\n\r\n"


def field(text):
    return f"{GET}{H}{text}\r\n\r\n"


def length(value, content=BAD):
    return f"{POST}Content-Length:{value}\r\n\r\n{content}"


def coding(value, content="a\r\n" + BAD + "\r\n0\r\n\r\n"):
    return f"{POST}Transfer-Encoding:{value}\r\n\r\n{content}"


def chunks(text):
    return CHUNKED + text


# Name: (bytes, statuses in order). The connection lives on after KEEP and closes after CLOSE.
KEEP = {
    "plain": (ASK, [200]),
    "three at once": (ASK * 3, [200] * 3),
    "empty line first": ("\r\n" + ASK, [200]),
    "two empty lines between": (ASK + "\r\n\r\n" + ASK, [200, 200]),
    "query": (target(LIST + "?limit=5&q=%20a+b"), [200]),
    "empty query": (target(LIST + "?"), [200]),
    "empty pairs": (target(LIST + "?&&limit=5&"), [200]),
    "bad escape in the query": (target(LIST + "?q=%zz"), [422]),
    "query that is not UTF-8": (target(LIST + "?q=%ff"), [422]),
    "encoded letter in the path": (target("/he%61lth/live"), [200]),
    "encoded slash is no separator": (target("/health%2flive"), [404]),
    "dots are not resolved": (target("/health/../health/live"), [404]),
    "encoded dots": (target("/%2e%2e/%2e%2e/etc/passwd"), [404]),
    "double slash": (target("//health/live"), [404]),
    "trailing slash": (target(LIST + "/"), [404]),
    "encoded UTF-8 in an id": (target(LIST + "/%c3%a9"), [422]),
    "line ends in an id": (target(LIST + "/%0d%0aX-Evil:%201"), [422]),
    "line ends in a cursor": (target(LIST + "?after=%0d%0aX-Evil:%201"), [422]),
    "absolute form": (target("http://b/health/live"), [200]),
    "absolute form, no path": (target("http://localhost"), [200]),
    "absolute form, upper case and port": (target("HTTP://B:80/health/live"), [200]),
    "asterisk": (target("*", "OPTIONS"), [204]),
    "OPTIONS": (target(LIST, "OPTIONS"), [204]),
    "OPTIONS of what is not there": (target("/nothing", "OPTIONS"), [404]),
    "DELETE of a list": (target(LIST, "DELETE"), [405]),
    "POST of health": (target("/health/live", "POST"), [405]),
    "POST without content": (target(LIST, "POST"), [400]),
    "no space after the colon": (host("a"), [200]),
    "host and port": (host(" example.org:8000"), [200]),
    "host and empty port": (host(" example.org:"), [200]),
    "IPv6 host": (host(" [::1]:8000"), [200]),
    "encoded host": (host(" ex%41mple"), [200]),
    "obs-text in a value": (field("A: \xe9\xff"), [200]),
    "tabs in a value": (field("A:\tb\tc\t"), [200]),
    "empty value": (field("A:"), [200]),
    "a hundred fields": (GET + H + "A: b\r\n" * 99 + "\r\n", [200]),
    "upgrade is ignored": (field("Connection: Upgrade\r\nUpgrade: h2c"), [200]),
    "websocket is ignored": (field("Connection: keep-alive, Upgrade\r\nUpgrade: websocket"), [200]),
    "unknown expectation": (field("Expect: x"), [417]),
    "Accept excludes JSON": (field("Accept: text/html"), [406]),
    "Accept with weight 0": (field("Accept: application/json;q=0, */*"), [406]),
    "Accept that is nonsense": (field("Accept: ;;,q=2"), [200]),
    "length": (length(10), [422]),
    "length and the next request": (length(10) + ASK, [422, 200]),
    "length with zeros": (length("0010"), [422]),
    "length 0": (length(0, ""), [400]),
    "length 0 where none is taken": (field("Content-Length: 0"), [200]),
    "chunked": (coding("chunked"), [422]),
    "chunked and the next request": (coding("chunked") + ASK, [422, 200]),
    "Chunked": (coding(" \tCHUNKED "), [422]),
    "many chunks": (chunks("".join(f"1\r\n{c}\r\n" for c in BAD) + "0\r\n\r\n"), [422]),
    "chunk size with zeros": (chunks(f"000a\r\n{BAD}\r\n00\r\n\r\n"), [422]),
    "chunk extensions": (chunks(f"A;a=b;c=\"d\"\r\n{BAD}\r\n0;e\r\n\r\n"), [422]),
    "trailers": (chunks(f"a\r\n{BAD}\r\n0\r\nX-Sum: 1\r\nHost: b\r\nConnection: close\r\n\r\n"), [422]),
    "chunked and empty": (chunks("0\r\n\r\n"), [400]),
    "charset": (f"POST {LIST} HTTP/1.1\r\n{H}Content-Type: Application/JSON;charset=\"UTF-8\"\r\nContent-Length: 10\r\n\r\n{BAD}", [422]),
    "identity": (POST + f"Content-Encoding: identity\r\nContent-Length: 10\r\n\r\n{BAD}", [422]),
    "If-Match that is nonsense": (target(f"{LIST}/{UUID}", "DELETE").replace(H, H + "If-Match: 1\r\n"), [422]),
    "two If-Match lines": (target(f"{LIST}/{UUID}", "DELETE").replace(H, H + 'If-Match: "1"\r\nIf-Match: "2"\r\n'), [404]),
    "HTTP/1.0 that is kept": ("GET /health/live HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", [200]),
}

CLOSE = {
    "three empty lines first": ("\r\n\r\n\r\n" + ASK, [400]),
    "bare LF first": ("\n" + ASK, [400]),
    "space first": (" " + ASK, [400]),
    "NUL first": ("\0" + ASK, [400]),
    "TLS": ("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", [400]),
    "HTTP/2": ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", [505]),
    "bare LF after the line": (f"GET / HTTP/1.1\n{H}\r\n", [400]),
    "bare CR after the line": (f"GET / HTTP/1.1\r{H}\r\n", [400]),
    "CR CR LF after the line": (f"GET / HTTP/1.1\r\r\n{H}\r\n", [400]),
    "two spaces after the method": (f"GET  / HTTP/1.1\r\n{H}\r\n", [400]),
    "two spaces before the version": (f"GET /  HTTP/1.1\r\n{H}\r\n", [400]),
    "space after the version": (f"GET / HTTP/1.1 \r\n{H}\r\n", [400]),
    "tab after the method": (f"GET\t/ HTTP/1.1\r\n{H}\r\n", [400]),
    "no target": (f"GET HTTP/1.1\r\n{H}\r\n", [400]),
    "HTTP/0.9": ("GET /\r\n", [400]),
    "version 1.2": (f"GET / HTTP/1.2\r\n{H}\r\n", [505]),
    "version 2.0": (f"GET / HTTP/2.0\r\n{H}\r\n", [505]),
    "version 1.10": (f"GET / HTTP/1.10\r\n{H}\r\n", [400]),
    "version in lower case": (f"GET / http/1.1\r\n{H}\r\n", [400]),
    "other protocol": (f"GET / RTSP/1.0\r\n{H}\r\n", [400]),
    "unknown method": (target("/", "BREW"), [501]),
    "method in lower case": (target("/", "get"), [501]),
    "TRACE": (target("/", "TRACE"), [501]),
    "CONNECT": (f"CONNECT a:443 HTTP/1.1\r\n{H}\r\n", [501]),
    "method that is no token": (target("/", "GE(T"), [400]),
    "method without an end": ("A" * 64, [501]),
    "authority form": (target("a:80"), [400]),
    "relative path": (target("health"), [400]),
    "asterisk with GET": (target("*"), [400]),
    "fragment": (target("/#a"), [400]),
    "raw UTF-8": (target("/\xc3\xa9"), [400]),
    "NUL in the target": (target("/\0"), [400]),
    "control character in the target": (target("/\x01"), [400]),
    "double quote in the target": (target('/"'), [400]),
    "backslash in the target": (target("/\\"), [400]),
    "angle bracket in the query": (target(LIST + "?q=<"), [400]),
    "percent alone": (target("/%"), [400]),
    "percent and no digits": (target("/%zz"), [400]),
    "encoded NUL in the path": (target(LIST + "/%00"), [400]),
    "overlong UTF-8 in the path": (target(LIST + "/%c0%af"), [400]),
    "surrogate in the path": (target(LIST + "/%ed%a0%80"), [400]),
    "absolute form, user": (target("http://u@b/"), [400]),
    "absolute form, no host": (target("http:///x"), [400]),
    "absolute form, other scheme": (target("ftp://b/"), [400]),
    "no Host": (f"{GET}\r\n", [400]),
    "absolute form, no Host": ("GET http://b/ HTTP/1.1\r\n\r\n", [400]),
    "two Hosts": (f"{GET}{H}{H}\r\n", [400]),
    "empty Host": (host(""), [400]),
    "Host with a space": (host(" a b"), [400]),
    "Host with a path": (host(" a/b"), [400]),
    "Host with a user": (host(" u@a"), [400]),
    "Host list": (host(" a, b"), [400]),
    "Host with a wild port": (host(" a:99999"), [400]),
    "Host, IPv6 without its end": (host(" [::1"), [400]),
    "space before the colon": (field("A : b"), [400]),
    "space before the first field": (f"{GET} {H}\r\n", [400]),
    "folded field": (field("A: b\r\n c"), [400]),
    "field without a colon": (field("A"), [400]),
    "field without a name": (field(": b"), [400]),
    "name that is no token": (field("A(b: c"), [400]),
    "NUL in a name": (field("A\0: c"), [400]),
    "NUL in a value": (field("A: b\0c"), [400]),
    "control character in a value": (field("A: b\x01"), [400]),
    "bare CR in a value": (field("A: b\rc"), [400]),
    "bare LF after a field": (f"{GET}Host: localhost\nA: b\r\n\r\n", [400]),
    "bare LF at the end": (f"{GET}{H}\n", [400]),
    "two Content-Types": (POST + "Content-Type: text/plain\r\nContent-Length: 1\r\n\r\na", [400]),
    "two lengths": (length("10\r\nContent-Length: 10"), [400]),
    "two lengths that differ": (length("10\r\nContent-Length: 3"), [400]),
    "length list": (length("10, 10"), [400]),
    "length with a sign": (length("+10"), [400]),
    "negative length": (length("-10"), [400]),
    "hexadecimal length": (length("0xa"), [400]),
    "length with a space inside": (length("1 0"), [400]),
    "empty length": (length(""), [400]),
    "length past 64 bits": (length("18446744073709551626"), [400]),
    "length past the limit": (length(1048577, ""), [413]),
    "length of 64 bits": (length("18446744073709551615"), [413]),
    "length and chunked": (length("10\r\nTransfer-Encoding: chunked", "0\r\n\r\n"), [400]),
    "chunked and length": (coding("chunked\r\nContent-Length: 10", "0\r\n\r\n"), [400]),
    "two codings": (coding("chunked\r\nTransfer-Encoding: chunked"), [400]),
    "gzip, chunked": (coding("gzip, chunked"), [501]),
    "chunked, gzip": (coding("chunked, gzip"), [400]),
    "identity coding": (coding("identity"), [501]),
    "chunked with a parameter": (coding("chunked;a=b"), [501]),
    "vertical tab before chunked": (coding("\vchunked"), [400]),
    "empty coding": (coding(""), [400]),
    "chunked in HTTP/1.0": (f"POST {LIST} HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", [400]),
    "no chunk size": (chunks("\r\nabc\r\n0\r\n\r\n"), [400]),
    "chunk size with a sign": (chunks("+3\r\nabc\r\n0\r\n\r\n"), [400]),
    "chunk size with 0x": (chunks("0x3\r\nabc\r\n0\r\n\r\n"), [400]),
    "space after the chunk size": (chunks("3 \r\nabc\r\n0\r\n\r\n"), [400]),
    "chunk size past 64 bits": (chunks("10000000000000003\r\nabc\r\n0\r\n\r\n"), [400]),
    "chunk size past the limit": (chunks("100001\r\n"), [413]),
    "bare LF after the chunk size": (chunks("3\nabc\r\n0\r\n\r\n"), [400]),
    "bare LF after a chunk": (chunks("3\r\nabc\n0\r\n\r\n"), [400]),
    "chunk longer than its size": (chunks("3\r\nabcd\r\n0\r\n\r\n"), [400]),
    "bare LF at the end of chunks": (chunks("0\r\n\n"), [400]),
    "length in the trailers": (chunks("0\r\nContent-Length: 5\r\n\r\n"), [400]),
    "folded trailer": (chunks("0\r\nA: b\r\n c\r\n\r\n"), [400]),
    "content where none is taken": (field("Content-Length: 3") + "abc", [413]),
    "chunked content where none is taken": (field("Transfer-Encoding: chunked") + "0\r\n\r\n", [413]),
    "404 before the content": (f"POST /nothing HTTP/1.1\r\n{H}Content-Length: 3\r\n\r\nabc", [404]),
    "405 before the content": (f"DELETE {LIST} HTTP/1.1\r\n{H}Content-Length: 3\r\n\r\nabc", [405]),
    "415 before the content": (f"POST {LIST} HTTP/1.1\r\n{H}Content-Type: a/b\r\nContent-Length: 3\r\n\r\n", [415]),
    "no Content-Type": (f"POST {LIST} HTTP/1.1\r\n{H}Content-Length: 1\r\n\r\na", [415]),
    "other charset": (f"POST {LIST} HTTP/1.1\r\n{H}Content-Type: application/json; charset=latin1\r\nContent-Length: 1\r\n\r\na", [415]),
    "gzip content": (POST + "Content-Encoding: gzip\r\nContent-Length: 1\r\n\r\na", [415]),
    "406 before the content": (POST + "Accept: a/b\r\nContent-Length: 1\r\n\r\na", [406]),
    "other expectation with content": (POST + "Expect: 200-ok\r\nContent-Length: 1\r\n\r\na", [417]),
    "long request line": (target("/" + "a" * 8192), [414]),
    "long request line without an end": ("GET /" + "a" * 20000, [414]),
    "long header": (field("A: " + "b" * 17000), [431]),
    "long header without an end": (GET + "A: " + "b" * 40000, [431]),
    "101 fields": (GET + H + "A: b\r\n" * 100 + "\r\n", [431]),
    "close": (field("Connection: close"), [200]),
    "close among others": (field("Connection: x, Close"), [200]),
    "close, then another": (field("Connection: close") + ASK, [200]),
    "HTTP/1.0": ("GET /health/live HTTP/1.0\r\n\r\n", [200]),
    "HTTP/1.0 without Host, then another": ("GET /health/live HTTP/1.0\r\n\r\n" + ASK, [200]),
    "good, bad, good": (ASK + "GET / HTTP/1.1\r\n\r\n" + ASK, [200, 400]),
    "error of a query, then bad": (target(LIST + "?limit=0") + "x\r\n\r\n", [422, 400]),
}


def test_the_tables_are_large():
    assert len(KEEP) + len(CLOSE) >= 180


@pytest.mark.parametrize("name", KEEP)
def test_answered_and_kept(port, name):
    data, statuses = KEEP[name]
    with Raw(port) as c:
        c.send(data)
        for status in statuses:
            answer = c.answer()
            assert answer.status == status, answer
            assert not answer.closes
        c.in_order()


@pytest.mark.parametrize("name", CLOSE)
def test_answered_and_closed(port, name):
    data, statuses = CLOSE[name]
    with Raw(port) as c:
        c.send(data)
        for i, status in enumerate(statuses):
            answer = c.answer()
            assert answer.status == status, answer
            assert answer.closes == (i == len(statuses) - 1), answer
        c.end()


@pytest.mark.parametrize("cut", ["POST", POST, POST + "Content-Length: 10\r\n\r\n", length(10)[:-3], CHUNKED, CHUNKED + "a\r\n{",
                                 "GET /health/live HTTP/1.1\r\nHost: localhost\r\n"])
def test_a_request_that_ends_too_soon_is_400(port, cut):
    with Raw(port) as c:
        c.send(cut).shut()
        answer = c.answer()
        assert (answer.status, answer.closes) == (400, True)
        c.end()


def test_head_is_get_without_content(port):
    with Raw(port) as c:
        for path in ("/health/live", LIST, "/nothing", LIST + "?limit=0", f"{LIST}/{UUID}"):
            get, head = c.ask(target(path)), c.ask(target(path, "HEAD"), head=True)
            assert (head.status, head.body) == (get.status, b"")
            assert head.fields.keys() == get.fields.keys()
            assert head.fields["content-type"] == get.fields["content-type"]
            assert abs(int(head.fields["content-length"]) - len(get.body)) == 0
        c.in_order()


def test_allow_names_what_a_path_takes(port):
    with Raw(port) as c:
        for method, path, allowed in [("OPTIONS", LIST, {"GET", "HEAD", "POST", "OPTIONS"}),
                                      ("POST", "/health", {"GET", "HEAD", "OPTIONS"}),
                                      ("PATCH", LIST, {"GET", "HEAD", "POST", "OPTIONS"}),
                                      ("POST", f"{LIST}/{UUID}", {"GET", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS"})]:
            answer = c.ask(target(path, method))
            assert answer.status == (204 if method == "OPTIONS" else 405)
            assert {m.strip() for m in answer.fields["allow"].split(",")} == allowed


@pytest.mark.parametrize("expect", ["100-continue", "100-Continue"])
def test_content_is_invited(port, expect):
    with Raw(port) as c:
        c.send(f"{POST}Expect: {expect}\r\nContent-Length: 10\r\n\r\n")
        assert c.answer().status == 100
        assert c.ask(BAD).status == 422
        c.send(f"{POST}Expect: {expect}\r\nTransfer-Encoding: chunked\r\n\r\n")
        assert c.answer().status == 100
        assert c.ask(f"a\r\n{BAD}\r\n0\r\n\r\n").status == 422
        assert c.ask(f"{POST}Expect: {expect}\r\nContent-Length: 10\r\n\r\n{BAD}").status in (100, 422)


@pytest.mark.parametrize(("head", "status"), [
    (f"POST /nothing HTTP/1.1\r\n{H}", 404), (f"PATCH {LIST} HTTP/1.1\r\n{H}", 405),
    (f"POST {LIST} HTTP/1.1\r\n{H}Content-Type: text/xml\r\n", 415), (POST + "Accept: a/b\r\n", 406),
])
def test_content_that_is_not_wanted_is_not_invited(port, head, status):
    with Raw(port) as c:
        answer = c.ask(f"{head}Expect: 100-continue\r\nContent-Length: 10\r\n\r\n")
        assert (answer.status, answer.closes) == (status, True)
        c.end()
    with Raw(port) as c:
        answer = c.ask(f"{head}Expect: 100-continue\r\nContent-Length: 99999999\r\n\r\n")
        assert answer.status in (status, 413) and answer.closes
        c.end()


def test_ids_of_requests(port):
    with Raw(port) as c:
        made = [c.ask(ASK).fields["x-request-id"] for _ in range(20)]
        assert len(set(made)) == 20 and all(re.fullmatch("[0-9a-f]{26}", one) for one in made)
        for sane in ("a", "A-b_c.9", "x" * 128):
            assert c.ask(field("X-Request-ID: " + sane)).fields["x-request-id"] == sane
        for wild in ("", "x" * 129, "a b", 'a"b', "a=b", "\xe9", "a;b", "a\tlevel=error", "a\r\nX-Request-ID: b"):
            assert re.fullmatch("[0-9a-f]{26}", c.ask(field("X-Request-ID: " + wild)).fields["x-request-id"])


def test_wild_bytes_do_not_break_out_of_the_log(shared, port):
    marker = "/nothing%0ats=1%20level=error%22?x=%0alevel=error&y='\\".rstrip("\\")
    with Raw(port) as c:
        c.ask(target(marker))
    line = shared.wait_log(r".*/nothing%0ats.*").group(0)
    assert line.startswith("ts=") and re.search(r'target="?/nothing', line), line
