/*
 * What a strict server answers to raw bytes (RFC 9110, RFC 9112), and whether the connection lives on. Each case is
 * sent whole, byte by byte, and cut at random places: the answer must not depend on how the bytes travelled.
 */
#include <stdio.h>
#include <stdlib.h>

#include "rig.h"

#define H "Host: a\r\n"
#define ROOT "GET / HTTP/1.1\r\n"
#define ECHO "POST /echo HTTP/1.1\r\n" H "Content-Type: text/plain\r\n"
#define CHUNKED ECHO "Transfer-Encoding: chunked\r\n\r\n"

enum { STATUSES_MAX = 4 };

struct strict_case {
    const char *name;
    const char *bytes;
    size_t len;
    bool closes;
    unsigned statuses[STATUSES_MAX]; /* 0 ends */
};

#define KEEP(n, b, ...)                                                                               \
    {                                                                                                 \
        .name = (n), .bytes = (b), .len = sizeof(b) - 1, .closes = false, .statuses = { __VA_ARGS__ } \
    }
#define CLOSE(n, b, ...)                                                                             \
    {                                                                                                \
        .name = (n), .bytes = (b), .len = sizeof(b) - 1, .closes = true, .statuses = { __VA_ARGS__ } \
    }

static const struct strict_case request_lines[] = {
    KEEP("plain", ROOT H "\r\n", 200),
    KEEP("pipelined", ROOT H "\r\n" ROOT H "\r\n" ROOT H "\r\n", 200, 200, 200),
    KEEP("one empty line first", "\r\n" ROOT H "\r\n", 200),
    KEEP("two empty lines first", "\r\n\r\n" ROOT H "\r\n", 200),
    CLOSE("three empty lines first", "\r\n\r\n\r\n" ROOT H "\r\n", 400),
    CLOSE("bare LF first", "\n" ROOT H "\r\n", 400),
    CLOSE("bare CR first", "\rGET / HTTP/1.1\r\n" H "\r\n", 400),
    CLOSE("space first", " " ROOT H "\r\n", 400),
    CLOSE("NUL first", "\0" ROOT H "\r\n", 400),
    CLOSE("TLS", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400),
    CLOSE("bare LF after the line", "GET / HTTP/1.1\n" H "\r\n", 400),
    CLOSE("bare CR after the line", "GET / HTTP/1.1\r" H "\r\n", 400),
    CLOSE("CR CR LF after the line", "GET / HTTP/1.1\r\r\n" H "\r\n", 400),
    CLOSE("two spaces after the method", "GET  / HTTP/1.1\r\n" H "\r\n", 400),
    CLOSE("two spaces before the version", "GET /  HTTP/1.1\r\n" H "\r\n", 400),
    CLOSE("space after the version", "GET / HTTP/1.1 \r\n" H "\r\n", 400),
    CLOSE("tab after the method", "GET\t/ HTTP/1.1\r\n" H "\r\n", 400),
    CLOSE("tab before the version", "GET /\tHTTP/1.1\r\n" H "\r\n", 400),
    CLOSE("form feed before the version", "GET /\fHTTP/1.1\r\n" H "\r\n", 400),
    CLOSE("no target", "GET HTTP/1.1\r\n" H "\r\n", 400),
    CLOSE("no version", "GET /\r\n" H "\r\n", 400),
    CLOSE("HTTP/0.9", "GET /\r\n", 400),
    CLOSE("version 0.9", "GET / HTTP/0.9\r\n" H "\r\n", 505),
    CLOSE("version 1.2", "GET / HTTP/1.2\r\n" H "\r\n", 505),
    CLOSE("version 2.0", "GET / HTTP/2.0\r\n" H "\r\n", 505),
    CLOSE("version 3.0", "GET / HTTP/3.0\r\n" H "\r\n", 505),
    CLOSE("version 1.10", "GET / HTTP/1.10\r\n" H "\r\n", 400),
    CLOSE("version 11", "GET / HTTP/11\r\n" H "\r\n", 400),
    CLOSE("version 1,1", "GET / HTTP/1,1\r\n" H "\r\n", 400),
    CLOSE("version in lower case", "GET / http/1.1\r\n" H "\r\n", 400),
    CLOSE("other protocol", "GET / ICY/1.1\r\n" H "\r\n", 400),
    CLOSE("RTSP", "GET / RTSP/1.0\r\n" H "\r\n", 400),
    CLOSE("HTTP/2 preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505),
    CLOSE("unknown method", "BREW / HTTP/1.1\r\n" H "\r\n", 501),
    CLOSE("method in lower case", "get / HTTP/1.1\r\n" H "\r\n", 501),
    CLOSE("method that begins like one", "GETS / HTTP/1.1\r\n" H "\r\n", 501),
    CLOSE("TRACE", "TRACE / HTTP/1.1\r\n" H "\r\n", 501),
    CLOSE("CONNECT", "CONNECT a:443 HTTP/1.1\r\n" H "\r\n", 501),
    CLOSE("method that is no token", "GE(T / HTTP/1.1\r\n" H "\r\n", 400),
    CLOSE("method without an end", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", 501),
    KEEP("known method, other resource", "DELETE / HTTP/1.1\r\n" H "\r\n", 405),
    KEEP("known method where POST only is", "GET /need HTTP/1.1\r\n" H "\r\n", 405),
};

static const struct strict_case targets[] = {
    KEEP("query", "GET /?a=b&c=%20+/?:@ HTTP/1.1\r\n" H "\r\n", 200),
    KEEP("empty query", "GET /? HTTP/1.1\r\n" H "\r\n", 200),
    KEEP("bad escape in the query is the handler's", "GET /?a=%zz HTTP/1.1\r\n" H "\r\n", 200),
    KEEP("absolute form", "GET http://b/ HTTP/1.1\r\n" H "\r\n", 200),
    KEEP("absolute form without path", "GET http://b HTTP/1.1\r\n" H "\r\n", 200),
    KEEP("absolute form, query only", "GET http://b?x=1 HTTP/1.1\r\n" H "\r\n", 200),
    KEEP("absolute form, upper case", "GET HTTP://B:80/ HTTP/1.1\r\n" H "\r\n", 200),
    KEEP("absolute form, IPv6", "GET http://[::1]:80/ HTTP/1.1\r\n" H "\r\n", 200),
    CLOSE("absolute form without Host", "GET http://b/ HTTP/1.1\r\n\r\n", 400),
    CLOSE("absolute form, user", "GET http://u@b/ HTTP/1.1\r\n" H "\r\n", 400),
    CLOSE("absolute form, no host", "GET http:///x HTTP/1.1\r\n" H "\r\n", 400),
    CLOSE("absolute form, other scheme", "GET ftp://b/ HTTP/1.1\r\n" H "\r\n", 400),
    CLOSE("authority form", "GET a:80 HTTP/1.1\r\n" H "\r\n", 400),
    CLOSE("relative path", "GET a/b HTTP/1.1\r\n" H "\r\n", 400),
    KEEP("asterisk", "OPTIONS * HTTP/1.1\r\n" H "\r\n", 204),
    CLOSE("asterisk with GET", "GET * HTTP/1.1\r\n" H "\r\n", 400),
    CLOSE("asterisk and more", "OPTIONS *x HTTP/1.1\r\n" H "\r\n", 400),
    CLOSE("fragment", "GET /#a HTTP/1.1\r\n" H "\r\n", 400),
    CLOSE("fragment after a query", "GET /?a#b HTTP/1.1\r\n" H "\r\n", 400),
    CLOSE("raw UTF-8", "GET /items/\xc3\xa9 HTTP/1.1\r\n" H "\r\n", 400),
    CLOSE("raw UTF-8 in the query", "GET /?\xc3\xa9 HTTP/1.1\r\n" H "\r\n", 400),
    CLOSE("NUL", "GET /\0 HTTP/1.1\r\n" H "\r\n", 400),
    CLOSE("DEL", "GET /\x7f HTTP/1.1\r\n" H "\r\n", 400),
    CLOSE("control character", "GET /\x01 HTTP/1.1\r\n" H "\r\n", 400),
    CLOSE("double quote", "GET /\" HTTP/1.1\r\n" H "\r\n", 400),
    CLOSE("angle bracket", "GET /?<a> HTTP/1.1\r\n" H "\r\n", 400),
    CLOSE("backslash", "GET /\\a HTTP/1.1\r\n" H "\r\n", 400),
    CLOSE("caret", "GET /^ HTTP/1.1\r\n" H "\r\n", 400),
    CLOSE("backtick", "GET /` HTTP/1.1\r\n" H "\r\n", 400),
    CLOSE("brace", "GET /items/{id} HTTP/1.1\r\n" H "\r\n", 400),
    CLOSE("bar", "GET /a|b HTTP/1.1\r\n" H "\r\n", 400),
    CLOSE("square bracket", "GET /a[] HTTP/1.1\r\n" H "\r\n", 400),
    CLOSE("percent alone", "GET /% HTTP/1.1\r\n" H "\r\n", 400),
    CLOSE("percent and one digit", "GET /%4 HTTP/1.1\r\n" H "\r\n", 400),
    CLOSE("percent and no digits", "GET /%zz HTTP/1.1\r\n" H "\r\n", 400),
    CLOSE("encoded NUL", "GET /items/%00 HTTP/1.1\r\n" H "\r\n", 400),
    CLOSE("encoded, not UTF-8", "GET /items/%ff HTTP/1.1\r\n" H "\r\n", 400),
    CLOSE("encoded, overlong", "GET /items/%c0%af HTTP/1.1\r\n" H "\r\n", 400),
    KEEP("encoded UTF-8", "GET /items/%c3%a9 HTTP/1.1\r\n" H "\r\n", 200),
    KEEP("encoded letter of a literal", "GET /it%65ms/1 HTTP/1.1\r\n" H "\r\n", 200),
    KEEP("encoded slash is no separator", "GET /items/a%2fb HTTP/1.1\r\n" H "\r\n", 200),
    KEEP("dot segments are not walked", "GET /x/../items/1 HTTP/1.1\r\n" H "\r\n", 404),
    KEEP("double slash", "GET //items/1 HTTP/1.1\r\n" H "\r\n", 404),
    KEEP("slash at the end", "GET /items/1/ HTTP/1.1\r\n" H "\r\n", 404),
    KEEP("empty parameter", "GET /items/ HTTP/1.1\r\n" H "\r\n", 404),
};

static const struct strict_case fields[] = {
    CLOSE("no Host", ROOT "\r\n", 400),
    CLOSE("two Hosts", ROOT H H "\r\n", 400),
    CLOSE("two Hosts, other case", ROOT H "hOST: b\r\n\r\n", 400),
    CLOSE("two Hosts in HTTP/1.0", "GET / HTTP/1.0\r\n" H H "\r\n", 400),
    CLOSE("empty Host", ROOT "Host:\r\n\r\n", 400),
    CLOSE("Host of spaces", ROOT "Host:  \r\n\r\n", 400),
    CLOSE("Host with a space", ROOT "Host: a b\r\n\r\n", 400),
    CLOSE("Host with a path", ROOT "Host: a/b\r\n\r\n", 400),
    CLOSE("Host with a user", ROOT "Host: u@a\r\n\r\n", 400),
    CLOSE("Host with a comma list", ROOT "Host: a, b\r\n\r\n", 400),
    CLOSE("Host with a bad port", ROOT "Host: a:b\r\n\r\n", 400),
    CLOSE("Host with a great port", ROOT "Host: a:65536\r\n\r\n", 400),
    CLOSE("Host with two ports", ROOT "Host: a:1:2\r\n\r\n", 400),
    CLOSE("Host with bad IPv6", ROOT "Host: [::g]\r\n\r\n", 400),
    CLOSE("Host with open IPv6", ROOT "Host: [::1\r\n\r\n", 400),
    CLOSE("Host with UTF-8", ROOT "Host: \xc3\xa9\r\n\r\n", 400),
    CLOSE("Host with a bad escape", ROOT "Host: %zz\r\n\r\n", 400),
    KEEP("Host with a port", ROOT "Host: a:8000\r\n\r\n", 200),
    KEEP("Host with an empty port", ROOT "Host: a:\r\n\r\n", 200),
    KEEP("Host with IPv6", ROOT "Host: [::1]:80\r\n\r\n", 200),
    KEEP("Host with an underscore", ROOT "Host: a_b.c\r\n\r\n", 200),
    CLOSE("HTTP/1.0", "GET / HTTP/1.0\r\n\r\n", 200),
    KEEP("HTTP/1.0, keep-alive", "GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n", 200),
    CLOSE("HTTP/1.0, keep-alive and close", "GET / HTTP/1.0\r\nConnection: keep-alive, close\r\n\r\n", 200),
    CLOSE("Connection: close", ROOT H "Connection: close\r\n\r\n", 200),
    CLOSE("Connection: CLOSE in a list", ROOT H "Connection: foo , CLOSE\r\n\r\n", 200),
    CLOSE("Connection: close in a second line", ROOT H "Connection: foo\r\nConnection: close\r\n\r\n", 200),
    KEEP("Connection: keep-alive", ROOT H "Connection: keep-alive\r\n\r\n", 200),
    KEEP("Connection: enclosed", ROOT H "Connection: enclose\r\n\r\n", 200),
    CLOSE("nothing after Connection: close", ROOT H "Connection: close\r\n\r\n" ROOT H "\r\n", 200),
    KEEP("Upgrade is ignored", ROOT H "Connection: Upgrade\r\nUpgrade: h2c\r\n\r\n" ROOT H "\r\n", 200, 200),
    KEEP("Upgrade to WebSocket", ROOT H "Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n", 200),
    KEEP("Upgrade with content", ECHO "Connection: upgrade\r\nUpgrade: x\r\nContent-Length: 3\r\n\r\nabc" ROOT H "\r\n",
         200, 200),
    KEEP("Upgrade with chunks",
         ECHO "Connection: upgrade\r\nUpgrade: x\r\nTransfer-Encoding: chunked\r\n\r\n"
              "3\r\nabc\r\n0\r\n\r\n" ROOT H "\r\n",
         200, 200),
    CLOSE("space before the colon", ROOT H "A : b\r\n\r\n", 400),
    CLOSE("tab before the colon", ROOT H "A\t: b\r\n\r\n", 400),
    CLOSE("space before the first field", ROOT " " H "\r\n", 400),
    CLOSE("tab before the first field", ROOT "\t" H "\r\n", 400),
    CLOSE("folded field", ROOT H "A: b\r\n c\r\n\r\n", 400),
    CLOSE("field folded by a tab", ROOT H "A: b\r\n\tc\r\n\r\n", 400),
    CLOSE("folded empty field", ROOT H "A:\r\n c\r\n\r\n", 400),
    CLOSE("folded Host", ROOT "Host:\r\n a\r\n\r\n", 400),
    CLOSE("field without a colon", ROOT H "A\r\n\r\n", 400),
    CLOSE("field without a name", ROOT H ": b\r\n\r\n", 400),
    CLOSE("name that is no token", ROOT H "A(b: c\r\n\r\n", 400),
    CLOSE("name with UTF-8", ROOT H "\xc3\xa9: c\r\n\r\n", 400),
    CLOSE("NUL in a name", ROOT H "A\0b: c\r\n\r\n", 400),
    CLOSE("NUL in a value", ROOT H "A: b\0c\r\n\r\n", 400),
    CLOSE("control character in a value", ROOT H "A: b\x01\r\n\r\n", 400),
    CLOSE("DEL in a value", ROOT H "A: b\x7f\r\n\r\n", 400),
    CLOSE("bare CR in a value", ROOT H "A: b\rc\r\n\r\n", 400),
    CLOSE("bare LF after a field", ROOT "Host: a\nA: b\r\n\r\n", 400),
    CLOSE("bare LF at the end", ROOT H "\n", 400),
    CLOSE("bare LF after an empty value", ROOT H "A:\n\r\n", 400),
    CLOSE("CR CR LF after a field", ROOT H "A: b\r\r\n\r\n", 400),
    KEEP("obs-text in a value", ROOT H "A: \xe9\r\n\r\n", 200),
    KEEP("tab in a value", ROOT H "A:\tb\tc\t\r\n\r\n", 200),
    KEEP("no space after the colon", ROOT "Host:a\r\n\r\n", 200),
    KEEP("empty value", ROOT H "A:\r\nB: \r\n\r\n", 200),
    CLOSE("two Content-Types", ECHO "Content-Type: text/plain\r\nContent-Length: 1\r\n\r\na", 400),
};

static const struct strict_case framing[] = {
    KEEP("length", ECHO "Content-Length: 3\r\n\r\nabc" ROOT H "\r\n", 200, 200),
    KEEP("length 0", ECHO "Content-Length: 0\r\n\r\n", 200),
    KEEP("length with zeros", ECHO "Content-Length: 003\r\n\r\nabc", 200),
    KEEP("no length", ECHO "\r\n", 200),
    CLOSE("two lengths", ECHO "Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc", 400),
    CLOSE("two lengths that differ", ECHO "Content-Length: 3\r\nContent-Length: 4\r\n\r\nabc", 400),
    CLOSE("length list", ECHO "Content-Length: 3, 3\r\n\r\nabc", 400),
    CLOSE("length with a sign", ECHO "Content-Length: +3\r\n\r\nabc", 400),
    CLOSE("negative length", ECHO "Content-Length: -3\r\n\r\nabc", 400),
    CLOSE("hexadecimal length", ECHO "Content-Length: 0x3\r\n\r\nabc", 400),
    CLOSE("length with a fraction", ECHO "Content-Length: 3.0\r\n\r\nabc", 400),
    CLOSE("length with a space inside", ECHO "Content-Length: 1 0\r\n\r\nabc", 400),
    CLOSE("empty length", ECHO "Content-Length:\r\n\r\nabc", 400),
    CLOSE("length past 64 bits", ECHO "Content-Length: 18446744073709551617\r\n\r\nabc", 400),
    CLOSE("length past the limit", ECHO "Content-Length: 1025\r\n\r\n", 413),
    CLOSE("length far past the limit", ECHO "Content-Length: 18446744073709551615\r\n\r\n", 413),
    CLOSE("length and chunked", ECHO "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
    CLOSE("chunked and length", ECHO "Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n", 400),
    CLOSE("length 0 and chunked", ECHO "Content-Length: 0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
    CLOSE("two codings lines", ECHO "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
    CLOSE("gzip", ECHO "Transfer-Encoding: gzip\r\n\r\n", 501),
    CLOSE("identity", ECHO "Transfer-Encoding: identity\r\n\r\n", 501),
    CLOSE("gzip, chunked", ECHO "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 501),
    CLOSE("chunked, gzip", ECHO "Transfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n", 400),
    CLOSE("xchunked", ECHO "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", 501),
    CLOSE("chunked with a parameter", ECHO "Transfer-Encoding: chunked;a=b\r\n\r\n0\r\n\r\n", 501),
    CLOSE("quoted chunked", ECHO "Transfer-Encoding: \"chunked\"\r\n\r\n0\r\n\r\n", 501),
    CLOSE("empty coding", ECHO "Transfer-Encoding:\r\n\r\n0\r\n\r\n", 400),
    CLOSE("vertical tab before chunked", ECHO "Transfer-Encoding: \vchunked\r\n\r\n0\r\n\r\n", 400),
    CLOSE("chunked in HTTP/1.0", "POST /echo HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
    KEEP("chunked", CHUNKED "3\r\nabc\r\n0\r\n\r\n" ROOT H "\r\n", 200, 200),
    KEEP("Chunked", ECHO "Transfer-Encoding: \tChunked \r\n\r\n3\r\nabc\r\n0\r\n\r\n", 200),
    KEEP("no chunk but the last", CHUNKED "0\r\n\r\n" ROOT H "\r\n", 200, 200),
    KEEP("chunk size in both cases", CHUNKED "a\r\n0123456789\r\nB\r\n0123456789a\r\n0\r\n\r\n", 200),
    KEEP("chunk size with zeros", CHUNKED "003\r\nabc\r\n000\r\n\r\n", 200),
    KEEP("chunk extension", CHUNKED "3;a=b;c=\"d\"\r\nabc\r\n0;e\r\n\r\n", 200),
    KEEP("trailers", CHUNKED "3\r\nabc\r\n0\r\nX-Sum: 1\r\nY:\r\n\r\n" ROOT H "\r\n", 200, 200),
    KEEP("trailers that mean something in a head",
         CHUNKED "0\r\nHost: b\r\nConnection: close\r\nExpect: x\r\nContent-Type: a/b\r\n\r\n", 200),
    CLOSE("length in the trailers", CHUNKED "0\r\nContent-Length: 5\r\n\r\n", 400),
    CLOSE("coding in the trailers", CHUNKED "0\r\nTransfer-Encoding: chunked\r\n\r\n", 400),
    CLOSE("folded trailer", CHUNKED "0\r\nA: b\r\n c\r\n\r\n", 400),
    CLOSE("space first in the trailers", CHUNKED "0\r\n A: b\r\n\r\n", 400),
    CLOSE("no chunk size", CHUNKED "\r\nabc\r\n0\r\n\r\n", 400),
    CLOSE("extension without a size", CHUNKED ";a\r\nabc\r\n0\r\n\r\n", 400),
    CLOSE("chunk size with a sign", CHUNKED "+3\r\nabc\r\n0\r\n\r\n", 400),
    CLOSE("negative chunk size", CHUNKED "-3\r\nabc\r\n0\r\n\r\n", 400),
    CLOSE("chunk size with 0x", CHUNKED "0x3\r\nabc\r\n0\r\n\r\n", 400),
    CLOSE("space before the chunk size", CHUNKED " 3\r\nabc\r\n0\r\n\r\n", 400),
    CLOSE("space after the chunk size", CHUNKED "3 \r\nabc\r\n0\r\n\r\n", 400),
    CLOSE("chunk size past 64 bits", CHUNKED "10000000000000003\r\nabc\r\n0\r\n\r\n", 400),
    CLOSE("chunk size past the limit", CHUNKED "401\r\n", 413),
    CLOSE("bare LF after the chunk size", CHUNKED "3\nabc\r\n0\r\n\r\n", 400),
    CLOSE("bare CR after the chunk size", CHUNKED "3\rabc\r\n0\r\n\r\n", 400),
    CLOSE("bare LF in an extension", CHUNKED "3;a\nabc\r\n0\r\n\r\n", 400),
    CLOSE("NUL in an extension", CHUNKED "3;a\0b\r\nabc\r\n0\r\n\r\n", 400),
    CLOSE("bare LF after a chunk", CHUNKED "3\r\nabc\n0\r\n\r\n", 400),
    CLOSE("chunk longer than its size", CHUNKED "3\r\nabcd\r\n0\r\n\r\n", 400),
    CLOSE("chunk shorter than its size", CHUNKED "4\r\nabc\r\n0\r\n\r\n", 400),
    CLOSE("bare LF after the last chunk", CHUNKED "0\n\r\n", 400),
    CLOSE("bare LF at the end", CHUNKED "0\r\n\n", 400),
    CLOSE("content where none is taken", ROOT H "Content-Length: 3\r\n\r\nabc", 413),
    CLOSE("chunked content where none is taken", ROOT H "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 413),
    KEEP("length 0 where none is taken", ROOT H "Content-Length: 0\r\n\r\n", 200),
    KEEP("needed content is missing", "POST /need HTTP/1.1\r\n" H "\r\n", 400),
    KEEP("needed content is empty", "POST /need HTTP/1.1\r\n" H "Content-Length: 0\r\n\r\n", 400),
    KEEP("needed content is chunked and empty",
         "POST /need HTTP/1.1\r\n" H "Content-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
    CLOSE("404 before the content", "POST /none HTTP/1.1\r\n" H "Content-Length: 3\r\n\r\nabc", 404),
    CLOSE("405 before the content", "POST / HTTP/1.1\r\n" H "Content-Length: 3\r\n\r\nabc", 405),
    CLOSE("401 before the content", "POST /guarded HTTP/1.1\r\n" H "Content-Length: 9999\r\n\r\nabc", 401),
    KEEP("401 without content", "POST /guarded HTTP/1.1\r\n" H "\r\n", 401),
    CLOSE("415 before the content", "POST /echo HTTP/1.1\r\n" H "Content-Type: a/b\r\nContent-Length: 3\r\n\r\n", 415),
    CLOSE("no Content-Type", "POST /echo HTTP/1.1\r\n" H "Content-Length: 1\r\n\r\na", 415),
    CLOSE("other charset",
          "POST /echo HTTP/1.1\r\n" H "Content-Type: text/plain; charset=latin1\r\nContent-Length: 1\r\n\r\na", 415),
    KEEP("charset UTF-8",
         "POST /echo HTTP/1.1\r\n" H "Content-Type: Text/Plain;charset=\"UTF-8\"\r\nContent-Length: 1\r\n\r\na", 200),
    CLOSE("Content-Encoding", ECHO "Content-Encoding: gzip\r\nContent-Length: 1\r\n\r\na", 415),
    CLOSE("other expectation", ECHO "Expect: 200-ok\r\nContent-Length: 1\r\n\r\na", 417),
    KEEP("other expectation without content", ROOT H "Expect: x\r\n\r\n", 417),
    CLOSE("expectation in HTTP/1.0 is ignored", "GET / HTTP/1.0\r\nExpect: x\r\n\r\n", 200),
    KEEP("Accept excludes the answer", ROOT H "Accept: application/json\r\n\r\n", 406),
    KEEP("Accept with weight 0", ROOT H "Accept: text/plain;q=0, */*\r\n\r\n", 406),
    KEEP("Accept by main type", ROOT H "Accept: text/*;q=0.1\r\n\r\n", 200),
    KEEP("Accept in two lines", ROOT H "Accept: a/b\r\nAccept: text/plain\r\n\r\n", 200),
};

/* Says which case in which manner, where CUnit would only say which line. */
static void strict_assert(bool ok, const struct strict_case *c, unsigned manner, const char *what)
{
    char text[256];

    if (ok) return;
    snprintf(text, sizeof(text), "\"%s\", manner %u: %s", c->name, manner, what);
    CU_assertImplementation(CU_FALSE, __LINE__, text, __FILE__, "", CU_FALSE);
}

static void send_in_manner(struct client *client, const struct strict_case *c, unsigned manner)
{
    size_t at = 0;

    while (at < c->len) {
        size_t part = c->len;

        if (manner == 1) part = 1;
        if (manner > 1) part = (size_t)rand() % 24 + 1;
        if (part > c->len - at) part = c->len - at;
        client_send(client, c->bytes + at, part);
        at += part;
    }
}

static void run_case(struct rig *rig, const struct strict_case *c, unsigned manner)
{
    struct client client;
    char what[64];

    client_open(&client, rig);
    send_in_manner(&client, c, manner);
    for (unsigned i = 0; i < STATUSES_MAX && c->statuses[i] != 0; i++) {
        const unsigned found = client_status(&client);

        snprintf(what, sizeof(what), "answer %u is %u, expected %u", i + 1, found, c->statuses[i]);
        strict_assert(found == c->statuses[i], c, manner, what);
        if (found != c->statuses[i]) break;
    }
    if (c->closes) {
        strict_assert(client_sees_end(&client), c, manner, "the connection is still open");
        strict_assert(!client.reset, c, manner, "the connection was reset");
    } else {
        client_say(&client, "GET /problem HTTP/1.1\r\n" H "\r\n");
        strict_assert(client_status(&client) == 422, c, manner, "the connection is not in order");
    }
    strict_assert(client.at == client.in.len, c, manner, "there is more than was expected");
    client_close(&client);
    rig_turn(rig);
}

static void run_cases(const struct strict_case *cases, size_t count)
{
    const struct http_limits limits = rig_limits();
    struct rig rig;

    srand(1);
    rig_init(&rig, &limits);
    for (size_t i = 0; i < count; i++) {
        for (unsigned manner = 0; manner < 5; manner++) run_case(&rig, &cases[i], manner);
    }
    CU_ASSERT(rig_wait_connections(&rig, 0));
    UNIT_INT(http_server_in_flight(rig.server), 0);
    rig_clear(&rig);
}

static void test_strict_request_lines(void)
{
    run_cases(request_lines, countof(request_lines));
}

static void test_strict_targets(void)
{
    run_cases(targets, countof(targets));
}

static void test_strict_fields(void)
{
    run_cases(fields, countof(fields));
}

static void test_strict_framing(void)
{
    run_cases(framing, countof(framing));
}

/* The exact edges of the limits of rig_limits. */

static struct strict_case edge_case(const char *name, const struct buf *bytes, unsigned status)
{
    return (struct strict_case){
        .name = name, .bytes = bytes->data, .len = bytes->len, .closes = status != 200, .statuses = {status}};
}

static void add_fill(struct buf *out, size_t len)
{
    memset(buf_reserve(out, len), 'x', len);
    out->len += len;
}

static void make_line(struct buf *out, size_t len)
{
    buf_add_str(out, "GET /?");
    add_fill(out, len - strlen("GET /? HTTP/1.1"));
    buf_add_str(out, " HTTP/1.1\r\n" H "\r\n");
}

static void make_header(struct buf *out, size_t len)
{
    buf_add_str(out, ROOT H "A: ");
    add_fill(out, len - strlen(H "A: \r\n"));
    buf_add_str(out, "\r\n\r\n");
}

static void make_fields(struct buf *out, size_t count)
{
    buf_add_str(out, ROOT H);
    for (size_t i = 1; i < count; i++) buf_add_str(out, "A: b\r\n");
    buf_add_str(out, "\r\n");
}

static void make_length(struct buf *out, size_t len)
{
    buf_printf(out, ECHO "Content-Length: %zu\r\n\r\n", len);
    add_fill(out, len);
}

static void make_chunks(struct buf *out, size_t len)
{
    buf_add_str(out, CHUNKED);
    while (len > 0) {
        const size_t part = len > 100 ? 100 : len;

        buf_printf(out, "%zx\r\n", part);
        add_fill(out, part);
        buf_add_str(out, "\r\n");
        len -= part;
    }
    buf_add_str(out, "0\r\n\r\n");
}

/* Framing of exactly `len` octets: an extension, the size's line, the last chunk. */
static void make_framing(struct buf *out, size_t len)
{
    buf_add_str(out, CHUNKED "3;");
    add_fill(out, len - strlen("3;\r\n\r\n0\r\n\r\n"));
    buf_add_str(out, "\r\nabc\r\n0\r\n\r\n");
}

static void test_strict_edges(void)
{
    static const struct {
        const char *name;
        void (*make)(struct buf *out, size_t n);
        size_t most;
        unsigned status;
    } edges[] = {
        {"request line", make_line, 256, 414},       {"header octets", make_header, 1024, 431},
        {"header fields", make_fields, 16, 431},     {"content", make_length, 1024, 413},
        {"chunked content", make_chunks, 1024, 413}, {"chunk framing", make_framing, 1024, 413},
    };
    struct strict_case cases[countof(edges) * 3];
    struct buf bytes[countof(edges) * 3] = {0};

    for (size_t i = 0; i < countof(edges); i++) {
        const size_t sizes[] = {edges[i].most, edges[i].most + 1, edges[i].most * 3};

        for (size_t j = 0; j < countof(sizes); j++) {
            edges[i].make(&bytes[i * 3 + j], sizes[j]);
            cases[i * 3 + j] = edge_case(edges[i].name, &bytes[i * 3 + j], j == 0 ? 200 : edges[i].status);
        }
    }
    run_cases(cases, countof(cases));
    for (size_t i = 0; i < countof(bytes); i++) buf_clear(&bytes[i]);
}

/* Two things are wrong: which of them is answered must not depend on the pieces either. Both are the fuzz target's. */
static void test_strict_two_faults(void)
{
    struct strict_case cases[2];
    struct buf bytes[2] = {0};

    /* One field more than is taken, and its name is none. */
    buf_add_str(&bytes[0], ROOT H);
    for (size_t i = 1; i < 16; i++) buf_add_str(&bytes[0], "A: b\r\n");
    buf_add_str(&bytes[0], "B\rC: d\r\n\r\n");
    cases[0] = edge_case("too many fields, the last misnamed", &bytes[0], 400);
    /* No version, and fields that reach past the longest request line. */
    buf_add_str(&bytes[1], "GET /\r\n" H "A: ");
    add_fill(&bytes[1], 300);
    buf_add_str(&bytes[1], "\r\n\r\n");
    cases[1] = edge_case("no version, and a long head", &bytes[1], 400);
    run_cases(cases, countof(cases));
    for (size_t i = 0; i < countof(bytes); i++) buf_clear(&bytes[i]);
}

static const struct unit_test tests[] = {
    UNIT_TEST(test_strict_request_lines), UNIT_TEST(test_strict_targets), UNIT_TEST(test_strict_fields),
    UNIT_TEST(test_strict_framing),       UNIT_TEST(test_strict_edges),   UNIT_TEST(test_strict_two_faults),
};
const struct unit_part parse_tests = UNIT_PART(tests);
