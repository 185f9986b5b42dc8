# SPDX-License-Identifier: Apache-2.0
"""HTTP/1.1 messages that RFC 9112 says to refuse, or that two parsers could read differently.

Each is followed by a second request that a parser would see which reads the first one otherwise.
statuses: what the front may answer.  repaired: why HAProxy hands it on, put right, when it does."""
import collections

Case = collections.namedtuple("Case", "name octets statuses repaired")
CASES = []
HOST = b"Host: localhost\r\n"
LONG = b"a" * 20000
# Two good ones.
FIRST = b"GET /directory HTTP/1.1\r\n" + HOST + b"\r\n"
SECOND = b"GET /second HTTP/1.1\r\n" + HOST + b"Connection: close\r\n\r\n"
BAD = (400,)


def case(name, octets, *statuses, repaired=None):
    CASES.append(Case(name, octets, statuses or BAD, repaired))


def get(name, *lines, first=b"GET /directory HTTP/1.1", host=HOST, **options):
    """A request without a body; lines: its header lines without line ends."""
    statuses = options.pop("statuses", BAD)
    case(name, first + b"\r\n" + host + b"".join(line + b"\r\n" for line in lines) + b"\r\n",
         *statuses, **options)


def post(name, lines, body, *statuses, **options):
    case(name, b"POST /new-order HTTP/1.1\r\n" + HOST +
         b"Content-Type: application/jose+json\r\n" +
         b"".join(line + b"\r\n" for line in lines) + b"\r\n" + body, *statuses, **options)


def chunked(name, body, *statuses, **options):
    post(name, [b"Transfer-Encoding: chunked"], body, *statuses, **options)


# ---- where the body ends: RFC 9112 section 6 ----
post("two Content-Length", [b"Content-Length: 4", b"Content-Length: 5"], b"abcd")
post("the same Content-Length twice", [b"Content-Length: 4", b"Content-Length: 4"], b"abcd",
     repaired="one is left; RFC 9110 section 8.6 allows it")
post("a list of Content-Lengths", [b"Content-Length: 4, 4"], b"abcd",
     repaired="one is left; RFC 9110 section 8.6 allows it")
post("Content-Length with a plus", [b"Content-Length: +4"], b"abcd")
post("Content-Length with a minus", [b"Content-Length: -4"], b"abcd")
post("hexadecimal Content-Length", [b"Content-Length: 0x4"], b"abcd")
post("Content-Length with a space inside", [b"Content-Length: 4 4"], b"abcd")
post("empty Content-Length", [b"Content-Length:"], b"abcd")
post("Content-Length of 32 bits and a bit", [b"Content-Length: 4294967300"], b"abcd", 413)
post("Content-Length of 64 bits and a bit", [b"Content-Length: 18446744073709551620"], b"abcd",
     400, 413)
post("huge Content-Length", [b"Content-Length: " + b"9" * 60], b"abcd", 400, 413)
post("Content-Length before chunked", [b"Content-Length: 5", b"Transfer-Encoding: chunked"],
     b"0\r\n\r\n", repaired="the length is taken away; RFC 9112 section 6.3 allows it")
post("Content-Length after chunked", [b"Transfer-Encoding: chunked", b"Content-Length: 5"],
     b"0\r\n\r\n", repaired="the length is taken away; RFC 9112 section 6.3 allows it")
post("POST without a length", [], b"", 411)
post("gzip, chunked", [b"Transfer-Encoding: gzip, chunked"], b"0\r\n\r\n", 501)
post("chunked, gzip", [b"Transfer-Encoding: chunked, gzip"], b"0\r\n\r\n", 501)
post("chunked twice in a line", [b"Transfer-Encoding: chunked, chunked"], b"0\r\n\r\n", 501)
post("chunked in two lines", [b"Transfer-Encoding: chunked"] * 2, b"0\r\n\r\n", 400)
post("identity coding", [b"Transfer-Encoding: identity"], b"", 501)
post("unknown coding", [b"Transfer-Encoding: xchunked"], b"0\r\n\r\n", 501)
post("vertical tab before chunked", [b"Transfer-Encoding: \x0bchunked"], b"0\r\n\r\n", 400, 501)
post("a body of 1 MiB", [b"Content-Length: 1048576"], b"b" * 1048576, 413)
post("compressed body", [b"Content-Encoding: gzip", b"Content-Length: 4"], b"abcd", 415)
post("unknown expectation", [b"Expect: payment", b"Content-Length: 4"], b"abcd", 417)

# ---- chunks: RFC 9112 section 7.1 ----
chunked("chunk size with a plus", b"+4\r\nabcd\r\n0\r\n\r\n")
chunked("chunk size with a minus", b"-4\r\nabcd\r\n0\r\n\r\n")
chunked("chunk size with 0x", b"0x4\r\nabcd\r\n0\r\n\r\n")
chunked("chunk size of 32 bits and a bit", b"100000004\r\nabcd\r\n0\r\n\r\n", 400, 413)
chunked("chunk size of 64 bits and a bit", b"10000000000000004\r\nabcd\r\n0\r\n\r\n", 400, 413)
chunked("chunk size after a space", b" 4\r\nabcd\r\n0\r\n\r\n")
chunked("space after a chunk size", b"4 \r\nabcd\r\n0\r\n\r\n", repaired="the space is taken away")
chunked("empty chunk size", b"\r\nabcd\r\n0\r\n\r\n")
chunked("chunk extension", b"4;name=value\r\nabcd\r\n0\r\n\r\n",
        repaired="the extension is taken away; RFC 9112 section 7.1.1 allows it")
chunked("chunk extension of 20,000 octets", b"4;" + LONG + b"\r\nabcd\r\n0\r\n\r\n",
        repaired="the extension is taken away; RFC 9112 section 7.1.1 allows it")
chunked("bare LF after a chunk size", b"4\nabcd\r\n0\r\n\r\n", repaired="the line end is put right")
chunked("bare LF after a chunk", b"4\r\nabcd\n0\r\n\r\n", repaired="the line end is put right")
chunked("bare CR after a chunk size", b"4\rabcd\r\n0\r\n\r\n")
chunked("chunk longer than it says", b"4\r\nabcdef\r\n0\r\n\r\n")
chunked("chunks of more than 64 KiB", b"8000\r\n" + b"c" * 0x8000 + b"\r\n" + b"8000\r\n" +
        b"c" * 0x8000 + b"\r\n1\r\nc\r\n0\r\n\r\n", 413)
chunked("trailer", b"4\r\nabcd\r\n0\r\nX-Trailer: 1\r\n\r\n")
chunked("a trailer that would be a header", b"4\r\nabcd\r\n0\r\nHost: evil.example\r\n\r\n")

# ---- lines: RFC 9112 sections 2.2 and 5 ----
case("lines that end in LF", b"GET /directory HTTP/1.1\nHost: localhost\n\n",
     repaired="the line ends are put right; RFC 9112 section 2.2 allows it")
case("one header that ends in LF", b"GET /directory HTTP/1.1\r\nX: y\n" + HOST + b"\r\n",
     repaired="the line end is put right; RFC 9112 section 2.2 allows it")
get("folded header", b"X: y", b" z", repaired="unfolded; RFC 9112 section 5.2 allows it")
get("folded by a tab", b"X: y", b"\tz", repaired="unfolded; RFC 9112 section 5.2 allows it")
get("folded Transfer-Encoding", b"Transfer-Encoding:", b" chunked", statuses=(400, 501),
    repaired="unfolded; RFC 9112 section 5.2 allows it")
get("space before the first header", host=b" " + HOST)
get("NUL in a value", b"X: a\0b")
get("DEL in a value", b"X: a\x7fb", repaired="handed on; the front refuses what it must")
get("bare CR in a value", b"X: a\rb")
get("bare CR that hides a header", b"X: a\rTransfer-Encoding: chunked")
get("two CR", b"X: a\r")
get("space before the colon", b"X : y")
get("space before the colon of Content-Length", b"Content-Length : 4")
get("space in a name", b"X Y: z")
get("parenthesis in a name", b"X(1): y")
get("octet above 127 in a name", b"X\xe4: y")
get("empty name", b": y")
get("no colon", b"Xy")
get("headers of 20,000 octets", b"X: " + LONG, statuses=(431,))
get("200 headers", *[b"X-%d: y" % i for i in range(200)], statuses=(431,))

# ---- Host: RFC 9112 section 3.2 ----
get("no Host", host=b"")
get("two Host", host=HOST + HOST, repaired="one is left")
get("two different Host", host=HOST + b"Host: evil.example\r\n")
get("empty Host", host=b"Host:\r\n")
get("space in Host", host=b"Host: local host\r\n")
get("slash in Host", host=b"Host: localhost/evil\r\n")
get("user in Host", host=b"Host: me@localhost\r\n")
get("list of Hosts", host=b"Host: localhost, evil.example\r\n")
get("port that is no number in Host", host=b"Host: localhost:44x\r\n")

# ---- the request line: RFC 9112 section 3 ----
get("absolute form, another host", first=b"GET http://evil.example/directory HTTP/1.1")
get("absolute form", first=b"GET https://localhost/directory HTTP/1.1",
    repaired="brought into origin form; RFC 9112 section 3.2.2 asks for it")
get("authority form", first=b"CONNECT localhost:443 HTTP/1.1", statuses=(400, 405))
get("asterisk with GET", first=b"GET * HTTP/1.1")
get("HTTP/0.9", first=b"GET /directory")
get("HTTP/1.0", first=b"GET /directory HTTP/1.0", statuses=(505,))
get("HTTP/1.2", first=b"GET /directory HTTP/1.2", statuses=(505,),
    repaired="RFC 9110 section 2.5: taken as the highest minor version that is known")
get("HTTP/2.0", first=b"GET /directory HTTP/2.0", statuses=(505,))
get("version in small letters", first=b"GET /directory http/1.1")
get("version of two digits", first=b"GET /directory HTTP/1.10")
get("method in small letters", first=b"get /directory HTTP/1.1", statuses=(501,))
get("illegal method", first=b"G@T /directory HTTP/1.1")
get("method of 40 octets", first=b"M" * 40 + b" /directory HTTP/1.1", statuses=(501,))
get("two spaces", first=b"GET  /directory HTTP/1.1",
    repaired="the space is taken away; RFC 9112 section 3 allows it")
get("tab for a space", first=b"GET\t/directory HTTP/1.1",
    repaired="the tab is taken for a space; RFC 9112 section 3 allows it")
get("space at the end", first=b"GET /directory HTTP/1.1 ")
get("space first", first=b" GET /directory HTTP/1.1")
get("target of 9,000 octets", first=b"GET /" + b"a" * 9000 + b" HTTP/1.1", statuses=(414,))
get("fragment", first=b"GET /directory#x HTTP/1.1")
get("octets above 127 in the target", first=b"GET /\xc3\xa4 HTTP/1.1")
get("backslash in the target", first=b"GET /..\\directory HTTP/1.1")
get("half an escape", first=b"GET /directory%2 HTTP/1.1")
get("NUL in the target", first=b"GET /directory\0 HTTP/1.1")
case("preface of HTTP/2", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400, 505)
case("PROXY header inside TLS", b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\xc0\0\x02\x07\x7f\0\0\1\0\1\0\1")
case("line of PROXY version 1 inside TLS", b"PROXY TCP4 192.0.2.7 127.0.0.1 1 1\r\n")
case("TLS inside TLS", b"\x16\x03\x01\0\xc8\x01\0\0\xc4\x03\x03")
