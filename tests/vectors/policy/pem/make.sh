#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Makes the certificates of this folder anew, for 100 years; the keys are thrown away.
set -eu
cd "$(dirname "$0")"
keys=$(mktemp -d)
trap 'rm -rf "$keys"' EXIT
ca='basicConstraints=critical,CA:true
keyUsage=critical,keyCertSign,cRLSign
subjectKeyIdentifier=hash'
key() { openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$keys/$1.key"; }
root() { # file, common name
    key "$1"
    openssl req -x509 -new -key "$keys/$1.key" -subj "/CN=$2" -days 36500 -out "$1.pem" -config /dev/stdin \
        -extensions e <<X
[req]
distinguished_name=d
[d]
[e]
$ca
X
}
issue() { # file, common name, issuer's file, extensions
    key "$1"
    openssl req -new -key "$keys/$1.key" -subj "/CN=$2" -out "$keys/$1.csr"
    printf '%s\n' "$4" >"$keys/ext"
    openssl x509 -req -in "$keys/$1.csr" -CA "$3.pem" -CAkey "$keys/$3.key" -days 36500 -extfile "$keys/ext" \
        -out "$1.pem"
}
root root "Test Root"
root impostor "Test Root"
root stranger "Other Root"
issue web-1 "Test Issuing 1" root "$ca"
issue leaf "www.example.org" root "basicConstraints=CA:false"
{ echo "A comment before the block."; cat web-1.pem; echo "and after it"; } >commented.pem
cat web-1.pem root.pem >two.pem
rm -f ./*.key ./*.srl
