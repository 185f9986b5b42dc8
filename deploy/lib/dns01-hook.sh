#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# certbot's --manual-auth-hook (add) and --manual-cleanup-hook (del): the TXT record of dns-01, sent to
# the quickstart's name server as a signed dynamic update (RFC 2136), as nsupdate does.
set -eu
HERE=$(dirname "$0")
. "$HERE/zones.sh"
name=_acme-challenge.$CERTBOT_DOMAIN.
case $1 in
add) zones_update ADD "$name" TXT "$CERTBOT_VALIDATION" ;;
del) zones_update DEL "$name" TXT "$CERTBOT_VALIDATION" ;;
esac
