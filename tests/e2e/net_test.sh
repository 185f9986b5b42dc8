#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# core/net against real servers: knot with good, broken and unsigned zones, HTTP and TLS servers that
# answer what they should not.  Numbers such as T-W-04 are those of the requirements' test cases.
# Needs only helpers of the build: CHY_BUILD=build tests/e2e/net_test.sh
set -u
SOURCE=$(cd "$(dirname "$0")/../.." && pwd)
BUILD=${CHY_BUILD:-$SOURCE/build}
LOOK=$BUILD/tests/test-netlook
SERVE=$BUILD/tests/test-scriptd
DIR=$(mktemp -d "${TMPDIR:-/tmp}/net.XXXXXX")
LOG=$DIR/requests.log
PIDS=
passed=0 failed=0
# shellcheck source=../../deploy/lib/zones.sh
. "$SOURCE/deploy/lib/zones.sh"
PATH=$PATH:/usr/sbin

clean_up() {
    # shellcheck disable=SC2086
    [ -z "$PIDS" ] || kill $PIDS 2>/dev/null
    # shellcheck disable=SC2086
    [ -z "$PIDS" ] || wait $PIDS 2>/dev/null
    zones_stop
    rm -rf "$DIR"
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

ok() { passed=$((passed + 1)); echo "ok $*"; }
not_ok() { failed=$((failed + 1)); echo "not ok $1"; shift; printf '    %s\n' "$@"; }

# check NAME REGEX WORD...: what netlook prints for these words matches REGEX.
check() {
    local name=$1 want=$2 got
    shift 2
    got=$("$LOOK" "$SETTINGS" "$@" 2>&1)
    if grep -Eq -- "$want" <<<"$got"; then ok "$name"; else not_ok "$name" "want $want" "got  $got"; fi
}

# logged NAME REGEX / unlogged NAME REGEX: what reached the servers since the log was emptied.
logged() { if grep -Eq -- "$2" "$LOG"; then ok "$1"; else not_ok "$1" "want $2 in the log" "$(cat "$LOG")"; fi; }
unlogged() { if grep -Eq -- "$2" "$LOG"; then not_ok "$1" "$(grep -E -- "$2" "$LOG")"; else ok "$1"; fi; }

# ---- what the servers serve ------------------------------------------------------------------------

page() { printf 'HTTP/1.1 %s\r\n%b\r\n%b' "$2" "$3" "$4" >"$DIR/www/$1"; }
redirect() { page "$1" "${3:-302} Found" "Location: $2\r\n" ""; }

start_server() { # ADDRESS PORT [CERT KEY]: its port in $PORT
    local out=$DIR/server.out try=0
    : >"$out"
    "$SERVE" "$DIR/www" "$LOG" "$@" >"$out" &
    PIDS="$PIDS $!"
    until grep -q PORT "$out"; do
        try=$((try + 1))
        [ "$try" -lt 100 ] || { echo "net_test: no server at $*" >&2; exit 1; }
        sleep 0.05
    done
    PORT=$(awk '{ print $2 }' "$out")
}

static_zone() { # ORIGIN: A zone without signatures
    local i
    {
        printf '$ORIGIN %s.\n$TTL 1\n@ SOA ns hostmaster 1 3600 600 86400 1\n@ NS ns\n' "$1"
        printf '@ A 127.0.0.1\n* A 127.0.0.1\nns A 127.0.0.1\ntext TXT "right"\n'
        for i in $(seq 120); do
            printf 'big TXT "%03d%0250d" "%0240d"\n' "$i" 0 0
        done
        for i in $(seq 2000); do printf 'many TXT "%05d"\n' "$i"; done
    } >"$DIR/$1.zone"
}

# Signed, and one octet changed afterwards.
broken_zone() {
    (
        cd "$DIR" || exit 1
        printf '$ORIGIN broken.example.\n$TTL 1\n@ SOA ns hostmaster 1 3600 600 86400 1\n@ NS ns\n' \
            >broken.example.zone
        printf 'ns A 127.0.0.1\ntext TXT "right"\ngood TXT "right"\nwww A 127.0.0.1\n' \
            >>broken.example.zone
        key=$(ldns-keygen -a ECDSAP256SHA256 -k broken.example) &&
            ldns-signzone -o broken.example broken.example.zone "$key" &&
            sed -i -e '/^text\..*TXT/s/"right"/"wrong"/' -e '/^www\..*IN[[:space:]]*A[[:space:]]/s/127.0.0.1/127.0.0.3/' \
                broken.example.zone.signed &&
            cat "$key.ds" >broken.ds
    ) || exit 1
}

write_settings() { # FILE EXTRA: EXTRA replaces "allow" and what follows
    cat >"$1" <<SETTINGS
{"resolver": {"stubs": [
  {"zone": "chancery.example", "address": "127.0.0.1@$ZONES_PORT"},
  {"zone": "plain.example", "address": "127.0.0.1@$ZONES_PORT"},
  {"zone": "broken.example", "address": "127.0.0.1@$ZONES_PORT"},
  {"zone": "refused.example", "address": "127.0.0.1@$ZONES_PORT"},
  {"zone": "dead.example", "address": "127.0.0.1@$DEAD_PORT"}],
  "trust-anchors": ["$(zones_ds)", "$(tr -s '\t' ' ' <"$DIR/broken.ds")"],
  "query-localhost": true, "timeout": "4s"},
 $2, "http-port": $HTTP, "https-port": $HTTPS}
SETTINGS
}

start_everything() {
    mkdir -p "$DIR/www"
    static_zone plain.example
    broken_zone
    zones_start "$DIR/zones" 0 "plain.example=$DIR/plain.example.zone" \
        "broken.example=$DIR/broken.example.zone.signed" || exit 1
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=scriptd \
        -addext subjectAltName=DNS:tls.chancery.example \
        -keyout "$DIR/key.pem" -out "$DIR/cert.pem" 2>/dev/null
    start_server 127.0.0.1 0 && HTTP=$PORT
    start_server 127.0.0.1 0 "$DIR/cert.pem" "$DIR/key.pem" && HTTPS=$PORT
    start_server 127.0.0.1 0 && OTHER=$PORT # a port that is neither
    start_server 127.0.0.2 "$HTTP"          # an address that is not allowed
    DEAD_PORT=$(zones_free_port)
    SETTINGS=$DIR/settings.json
    write_settings "$SETTINGS" '"allow": ["127.0.0.1/32", "::1/128"]'
}

# ---- DNS --------------------------------------------------------------------------------------------

test_dns() {
    zones_update ADD _acme-challenge.d1 TXT hello
    zones_update ADD c1 CNAME c2.chancery.example.
    zones_update ADD c2 CNAME c3.chancery.example.
    zones_update ADD c3 CNAME _acme-challenge.d1.chancery.example.
    zones_update ADD away CNAME text.plain.example.
    zones_update ADD loop1 CNAME loop2.chancery.example.
    zones_update ADD loop2 CNAME loop1.chancery.example.
    check "a signed answer is secure" "^ok rcode=0 dnssec=secure .* n=1 .*hello" \
        dns _acme-challenge.d1.chancery.example 16
    check "a chain of CNAMEs is followed, T-Q-04" \
        "^ok rcode=0 dnssec=secure canonical=_acme-challenge.d1.chancery.example.? .*hello" \
        dns c1.chancery.example 16
    check "a chain that leaves the signed zone is insecure" "^ok rcode=0 dnssec=insecure .*right" \
        dns away.chancery.example 16
    check "a CNAME loop is a dns problem, T-Q-05" "^dns: " dns loop1.chancery.example 16
    check "no data is an answer without records" "^ok rcode=0 dnssec=secure .* n=0 " \
        dns d1.chancery.example 1
    check "a name that does not exist is NXDOMAIN" "^ok rcode=3 dnssec=insecure .* n=0 " \
        dns _x.text.plain.example 16
    check "an unsigned answer is insecure" "^ok rcode=0 dnssec=insecure .*right" \
        dns text.plain.example 16
    check "a good record of the broken zone is secure" "^ok rcode=0 dnssec=secure .*right" \
        dns good.broken.example 16
    check "a forged record is refused, T-Q-09" \
        "^dns: DNSSEC validation failed for text.broken.example TXT" dns text.broken.example 16
    check "60 kB of TXT come over TCP, T-Q-10" "^ok rcode=0 .* n=120 octets=5[0-9]{4} " \
        dns big.plain.example 16
    check "thousands of records are refused, T-Q-10" "^dns: .*more than 256 records" \
        dns many.plain.example 16
    check "REFUSED is a dns problem" "^dns: .*(SERVFAIL|REFUSED|in time)" dns a.refused.example 16
    check "a dead server is a dns problem" "^dns: .*(SERVFAIL|in time)" dns a.dead.example 16
    check "a name with strange characters is not looked up" "^dns: .*not a host name" \
        dns 'a\032b.chancery.example' 16
    check "a name that is too long is not looked up" "^dns: .*not a host name" \
        dns "$(printf 'a.%.0s' $(seq 130))example" 16
    check "sixteen threads share one resolver" "^ok good=320 failed=16$" \
        storm chancery.example a.dead.example
    zones_update DEL _acme-challenge.d1 TXT hello
    zones_update ADD _acme-challenge.d1 TXT changed
    check "a change is seen by the next lookup" "changed" dns _acme-challenge.d1.chancery.example 16
}

test_settings() {
    local bad=$DIR/bad.json
    local SETTINGS=$bad
    printf '{"resolver":{"trust-anchors":["chancery.example. IN DS nonsense"]}}' >"$bad"
    check "a trust anchor that cannot be read is named" "^malformed: .*trust-anchors.*nonsense" \
        dns a.chancery.example 1
    printf '{"resolver":{"root-anchor":"/nonexistent/root.key"}}' >"$bad"
    check "a root anchor that is not there is named" "^malformed: .*root-anchor: /nonexistent" \
        dns a.chancery.example 1
    printf '{"resolver":{"forwarders":["nonsense"]}}' >"$bad"
    check "a forwarder that is no address is named" "^malformed: .*forwarders: nonsense" \
        dns a.chancery.example 1
    printf '{"resolver":{"stubs":[{"zone":"a.example","address":"nonsense"}]}}' >"$bad"
    check "a stub that is no address is named" "^malformed: .*stubs: nonsense" \
        dns a.chancery.example 1
    printf '{"resolver":{"forwarders":["127.0.0.1@%s"],"query-localhost":true}}' "$ZONES_PORT" >"$bad"
    check "a forwarder is asked" "^ok rcode=0 dnssec=insecure .*right" dns text.plain.example 16
    printf '{"resolver":{"stubs":[{"zone":"plain.example","address":"127.0.0.1@%s"}],"timeout":"2s"}}' \
        "$ZONES_PORT" >"$bad"
    check "a server on loopback is not asked unless that is allowed" "^dns: " \
        dns text.plain.example 16
}

# ---- HTTP -------------------------------------------------------------------------------------------

BASE=http://w.chancery.example

test_request() {
    page ok "200 OK" "Content-Type: text/plain\r\n" "body\r\n"
    page x.y-z_1 "200 OK" "" "token page"
    : >"$LOG"
    check "a page is fetched" "^ok status=200 body=\[body\?\?\].*\"address\":\"127.0.0.1\"" http $BASE/ok
    check "hops tell of DNSSEC and addresses" '"resolved":\["127.0.0.1"\],"addresses":1,"dnssec":"secure"' http $BASE/ok
    logged "the path is as given, T-W-11" " GET /ok HTTP/1.1$"
    logged "Host is the name without port, T-W-11" " Host: w.chancery.example$"
    logged "there is a User-Agent, W-09" " User-Agent: Chancery/"
    logged "everything is accepted, W-09" " Accept: \*/\*$"
    logged "the connection ends after it, W-09" " Connection: close$"
    unlogged "no cookie, encoding, authorization or referrer is sent, W-09" \
        " (Cookie|Accept-Encoding|Authorization|Referer|Proxy|Upgrade|TE)[A-Za-z-]*:"
    http_proxy="http://127.0.0.2:$HTTP" HTTP_PROXY="http://127.0.0.2:$HTTP" ALL_PROXY="http://127.0.0.2:$HTTP" \
        check "proxies of the environment are ignored, T-W-10" "^ok status=200" http $BASE/ok
    unlogged "no proxy was connected to, T-W-10" "^127.0.0.2"
    page u "200 OK" "Content-Encoding: gzip\r\nContent-Length: 5\r\n" "plain"
    check "content is not decoded, W-06" "^ok status=200 body=\[plain\]" http $BASE/u
    page chunked "200 OK" "Transfer-Encoding: chunked\r\n" "2\r\nab\r\n3\r\ncde\r\n0\r\n\r\n"
    check "chunks are joined, W-06" "body=\[abcde\]" http $BASE/chunked
    printf 'HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n\r\nlast' >"$DIR/www/interim"
    check "an interim answer is skipped, W-05" "^ok status=200 body=\[last\]" http $BASE/interim
    page s403 "403 Forbidden" "" "SECRET"
    check "another status is for the caller to judge, T-W-09" "^ok status=403" http $BASE/s403
    local SETTINGS=$DIR/deny.json
    write_settings "$SETTINGS" '"allow": ["127.0.0.0/8"], "deny": ["127.0.0.1/32"]'
    : >"$LOG"
    check "a denied range beats an allowed one, W-22" "^connection: .*reserved or refused" http $BASE/ok
    unlogged "and is not connected to" "connect"
}

test_hostile_answers() {
    check "a body without end is cut, T-W-02" "^ok status=200 body=\[a+\] truncated=1" http $BASE/~body
    check "a dripping header times out, T-W-07" "^connection: .*timed out" http $BASE/~drip 1500
    check "headers without end are refused, T-W-07" "^incorrectResponse: .*16384 octets of headers" \
        http $BASE/~headers
    check "interim answers without end are refused, T-W-07" "^incorrectResponse: .*octets of headers" \
        http $BASE/~continue
    check "silence times out" "^connection: .*timed out" http $BASE/~silent 1500
    check "a reset is a connection problem" "^connection: " http $BASE/~reset
    : >"$DIR/www/empty"
    check "no answer at all is a connection problem" "^connection: .*without an answer" http $BASE/empty
    printf 'just text\n' >"$DIR/www/http09"
    check "HTTP/0.9 is refused, W-06" "^incorrectResponse: .*not HTTP/1.1" http $BASE/http09
    printf '\0\0\022\4\0\0\0\0\0\0\3\0\0\0\200' >"$DIR/www/h2"
    check "an HTTP/2 preface is refused, W-06" "^incorrectResponse: .*not HTTP/1.1" http $BASE/h2
    page short "200 OK" "Content-Length: 100\r\n" "short"
    check "a body shorter than announced is refused" "^connection: .*broken off" http $BASE/short
    page length "200 OK" "Content-Length: -1\r\n" "x"
    check "a negative length is refused" "^(incorrectResponse|connection): " http $BASE/length
}

test_redirects() {
    local i
    for i in 301 302 307 308; do
        redirect "r$i" "http://other.chancery.example/ok" "$i"
        check "status $i is followed, T-W-03" "^ok status=200 body=\[body.*other.chancery.example/ok" \
            http "$BASE/r$i"
    done
    for i in 300 303 304 305; do
        redirect "r$i" "http://other.chancery.example/ok" "$i"
        check "status $i is not followed, T-W-03" "^ok status=$i " http "$BASE/r$i"
    done
    redirect relative "/ok"
    check "a relative redirect is followed" "^ok status=200 body=\[body" http $BASE/relative
    redirect https "https://tls.chancery.example/ok"
    check "a redirect to self-signed https is followed, T-W-03" \
        "^ok status=200 body=\[body.*https://tls.chancery.example/ok" http $BASE/https
    redirect fragment "http://other.chancery.example/ok#part"
    check "a fragment is dropped" "other.chancery.example/ok\"" http $BASE/fragment
    redirect explicit "http://other.chancery.example:80/ok"
    check "the scheme's own port may be spelt out" "^ok status=200" http $BASE/explicit
    for i in $(seq 0 10); do redirect "hop$i" "/hop$((i + 1))"; done
    page hop11 "200 OK" "" "end"
    check "ten redirects are followed, T-W-03" "^ok status=200 body=\[end\]" http $BASE/hop1
    check "eleven are not, T-W-03" "^incorrectResponse: more than 10 redirects" http $BASE/hop0
    redirect loop "http://w.chancery.example/loop"
    check "a loop is found, T-W-03" "^incorrectResponse: redirect loop" http $BASE/loop
    page nolocation "302 Found" "" ""
    check "no Location is refused, T-W-03" "^incorrectResponse: redirect without" http $BASE/nolocation
    page refresh "200 OK" "Refresh: 0; url=http://127.0.0.2/\r\n" "x"
    check "Refresh is not followed, W-02" "^ok status=200 body=\[x\]" http $BASE/refresh
}

# refused_redirect NAME LOCATION REGEX
refused_redirect() {
    redirect bad "$2"
    check "redirect to $1 is refused" "$3" http $BASE/bad
}

test_refused_redirects() {
    local long
    long=$(printf 'a%.0s' $(seq 2000))
    : >"$LOG"
    refused_redirect "an empty Location, T-W-03" "" "^incorrectResponse: redirect without"
    refused_redirect "ftp, T-W-03" "ftp://other.chancery.example/x" "^incorrectResponse: .*scheme"
    refused_redirect "a file, T-W-03" "file:///etc/passwd" "^incorrectResponse: "
    refused_redirect "gopher, T-W-03" "gopher://127.0.0.2:$HTTP/x" "^incorrectResponse: .*scheme"
    refused_redirect "javascript" "javascript:alert(1)" "^incorrectResponse: "
    refused_redirect "a host of one label, T-W-03" "//evil" "^connection: .*not a fully qualified"
    refused_redirect "another port, T-W-03" "http://other.chancery.example:$OTHER/ok" "^connection: .*port $OTHER"
    refused_redirect "userinfo, T-W-03" "http://user@other.chancery.example/ok" "^incorrectResponse: .*user"
    refused_redirect "userinfo that looks like a host" "http://w.chancery.example:80@127.0.0.2/" "^incorrectResponse: .*user"
    refused_redirect "a path of more than 2000 octets, W-02" "/$long" "^incorrectResponse: .*2000"
    refused_redirect "white space" "http://other.chancery.example/a b" "^incorrectResponse: .*not a URL"
    refused_redirect "octets beyond ASCII" "http://other.chancery.example/\xc3\xa4" "^incorrectResponse: .*not a URL"
    for place in "127.0.0.1" "127.0.0.2" "[::1]" "[::ffff:127.0.0.1]" "0x7f000001" "2130706433" "127.1" \
        "0177.0.0.1" "169.254.169.254" "[fe80::1%25lo]" "192.0.2.1" "0"; do
        refused_redirect "$place, T-W-04" "http://$place/ok" "^(connection|incorrectResponse): .*(IP address|qualified|not a URL)"
    done
    zones_update ADD private A 127.0.0.2
    refused_redirect "a name with a private address, T-W-04" "http://private.chancery.example/ok" \
        "^connection: .*reserved or refused"
    refused_redirect "a name that is not there" "http://none.text.plain.example/ok" "^dns: .*NXDOMAIN"
    refused_redirect "a forged name" "http://www.broken.example/ok" "^dns: DNSSEC validation failed"
    refused_redirect "a trailing dot" "http://other.chancery.example./ok" "^connection: .*qualified"
    unlogged "none of these places was connected to, T-W-04" "^(127.0.0.2:|127.0.0.1:$OTHER )"
}

test_addresses() {
    : >"$LOG"
    zones_update ADD mixed A 127.0.0.2
    zones_update ADD mixed A 127.0.0.1
    check "of several addresses only an allowed one is used, T-W-04" "^ok status=200" \
        http http://mixed.chancery.example/ok
    unlogged "the other one is left alone, T-W-04" "^127.0.0.2"
    zones_update ADD six AAAA ::1
    zones_update ADD six A 127.0.0.1
    redirect six "http://six.chancery.example/ok"
    check "a dead IPv6 address falls back to IPv4, T-W-06" "^ok status=200 .*\"address\":\"127.0.0.1\"" \
        http http://six.chancery.example/ok
    check "it does so on each hop, T-W-06" "^ok status=200" http http://six.chancery.example/six
    zones_update ADD onlysix AAAA ::1
    check "without IPv4 it is a connection problem" "^connection: .*::1 port" \
        http http://onlysix.chancery.example/ok
    zones_update ADD text TXT only
    check "a name without address is a dns problem" "^dns: .*no A or AAAA" http http://text.chancery.example/ok
    check "an address is connected to as such, I-03" "^ok status=200" http http://127.0.0.1/ok
    check "unless it is not allowed" "^connection: .*reserved or refused" http http://127.0.0.2/ok
    redirect away "http://other.chancery.example/ok"
    check "an address may redirect to a name" "^ok status=200" http http://127.0.0.1/away
    zones_update ADD rebind A 127.0.0.1
    redirect rebind "http://rebind.chancery.example/ok"
    (sleep 1; zones_update DEL rebind A; zones_update ADD rebind A 127.0.0.2) &
    local turn=$!
    : >"$LOG"
    check "each hop is looked up afresh, T-W-05" "^connection: rebind.*reserved or refused" \
        http http://rebind.chancery.example/~slow/rebind
    wait "$turn"
    unlogged "a name that turned private is not connected to, T-W-05" "^127.0.0.2"
}

test_other_requests() {
    local url=https://tls.chancery.example:$HTTPS
    : >"$LOG"
    check "https with a pinned root is verified" "^ok status=200 body=\[body" fetch "$url/ok" "$DIR/cert.pem"
    check "https with an unknown root is refused" "^tls: .*certificate" fetch "$url/ok"
    check "https under another name is refused" "^tls: .*certificate" \
        fetch "https://other.chancery.example:$HTTPS/ok" "$DIR/cert.pem"
    check "a body is posted" "^ok status=200" fetch "$url/ok" "$DIR/cert.pem" "hello"
    logged "with its type and length" " Content-Length: 5$"
    check "a body that is too large is refused" "^incorrectResponse: .*1000 octets" fetch "http://w.chancery.example:$HTTP/~body"
    check "the address filter holds there too" "^connection: .*reserved or refused" fetch "http://127.0.0.2:$HTTP/ok"
    redirect down "http://w.chancery.example/ok"
    check "https does not redirect to http there" "^connection: .*https to http" fetch "$url/down" "$DIR/cert.pem"
}

test_tls() {
    : >"$LOG"
    check "the certificate of a peer is looked at, TA-01" "^ok alpn=acme-tls/1 address=127.0.0.1 subject=/CN=scriptd" \
        tls w.chancery.example acme-tls/1
    if [ "$(grep -c alpn "$LOG")" = 1 ]; then ok "exactly one protocol is offered, TA-01"; else not_ok "exactly one protocol is offered, TA-01" "$(cat "$LOG")"; fi
    check "where it was and whether DNSSEC vouched for it come along" \
        'hop={"host":"w.chancery.example","address":"127.0.0.1",.*"dnssec":"secure"}' tls w.chancery.example acme-tls/1
    check "a protocol that was not offered is a tls problem, T-TA-03" "^tls: .*(not offered|handshake failed)" tls alpn-other.chancery.example acme-tls/1
    check "so is one that only begins like ours" "^tls: .*(not offered|handshake failed)" tls alpn-nul.chancery.example acme-tls/1
    check "no protocol is none" "^ok alpn=none" tls alpn-none.chancery.example acme-tls/1
    check "a private address is refused" "^connection: .*reserved or refused" tls private.chancery.example acme-tls/1
    local SETTINGS=$DIR/swap.json
    write_settings "$SETTINGS" '"allow": ["127.0.0.1/32"]'
    sed -i "s/\"https-port\": $HTTPS/\"https-port\": $HTTP/" "$SETTINGS"
    check "a peer that does not speak TLS is a tls problem" "^tls: .*handshake failed" tls w.chancery.example acme-tls/1
    redirect plain "https://w.chancery.example/ok"
    check "so is a redirect to one" "^tls: .*handshake failed" http $BASE/plain
    sed -i "s/\"https-port\": $HTTP/\"https-port\": $DEAD_PORT/" "$SETTINGS"
    check "a closed port is a connection problem" "^connection: .*refused" tls w.chancery.example acme-tls/1
    # The kernel takes the connection, nobody the hello.
    python3 -c "import socket, time; s = socket.create_server(('127.0.0.1', $DEAD_PORT)); time.sleep(30)" &
    local deaf=$!
    until ss -Hltn "src 127.0.0.1:$DEAD_PORT" | grep -q .; do sleep 0.1; done
    check "a server that says nothing times out, T-TA-06" "^connection: .*handshake timed out" tls w.chancery.example acme-tls/1 1500
    kill "$deaf"
    wait "$deaf" 2>/dev/null || true
}

start_everything
test_dns
test_settings
test_request
test_hostile_answers
test_redirects
test_refused_redirects
test_addresses
test_other_requests
test_tls
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
