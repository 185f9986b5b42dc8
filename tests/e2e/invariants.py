# SPDX-License-Identifier: Apache-2.0
"""core.md section 35 as SQL, and the signer's log against the database.  Each query lists what is
wrong: no row is right."""

QUERIES = {
    "1 one key, one account":
        "SELECT thumbprint, count(*) FROM accounts GROUP BY 1 HAVING count(*) > 1",
    "4 one challenge in work per authorization":
        "SELECT authorization_id FROM challenges WHERE status = 'processing' GROUP BY 1"
        " HAVING count(*) > 1",
    "5 a ready or valid order has no unproved authorization":
        "SELECT id FROM orders WHERE status IN ('ready', 'processing', 'valid') AND unproved <> 0",
    "5 a pending order's counter is the number of its unproved authorizations":
        "SELECT o.id FROM orders o WHERE o.status = 'pending' AND o.unproved <>"
        " (SELECT count(*) FROM authorizations a WHERE a.id = ANY (o.authorizations)"
        "  AND a.status <> 'valid')",
    "6 one record in force per order":
        "SELECT order_id FROM certificates WHERE status IN ('recorded', 'issued') GROUP BY 1"
        " HAVING count(*) > 1",
    "7 a serial is used once":
        "SELECT id FROM certificates GROUP BY id HAVING count(*) > 1",
    "9 a valid order's certificate is issued":
        "SELECT o.id FROM orders o LEFT JOIN certificates c ON c.id = o.certificate"
        " WHERE o.status = 'valid' AND c.status IS DISTINCT FROM 'issued'",
    "9 an issued certificate's order is valid":
        "SELECT c.id FROM certificates c LEFT JOIN orders o ON o.id = c.order_id"
        " WHERE c.status = 'issued' AND (o.status IS DISTINCT FROM 'valid' OR o.certificate <> c.id)",
    "10 a lost record is revoked":
        "SELECT id FROM certificates WHERE status = 'lost' AND id NOT IN"
        " (SELECT serial FROM revocations)",
    "10 only lost records are revoked here":
        "SELECT serial FROM revocations WHERE serial NOT IN"
        " (SELECT id FROM certificates WHERE status = 'lost')",
    "12 every order has its event":
        "SELECT id FROM orders WHERE id NOT IN (SELECT subject FROM events"
        " WHERE kind = 'order.created')",
    "12 every record has its event":
        "SELECT id FROM certificates WHERE id NOT IN (SELECT subject FROM events"
        " WHERE kind = 'certificate.recorded')",
    "12 every certificate has its event":
        "SELECT id FROM certificates WHERE status = 'issued' AND id NOT IN"
        " (SELECT subject FROM events WHERE kind = 'certificate.issued')",
    "12 every valid authorization has its event":
        "SELECT id FROM authorizations WHERE status = 'valid' AND id NOT IN"
        " (SELECT subject FROM events WHERE kind = 'authorization.valid')",
}


def check(ca, report, label=""):
    """All of them; returns whether all hold."""
    good = True
    for name, query in QUERIES.items():
        wrong = ca.sql(query)
        good &= report.check(f"{label}invariant {name}", not wrong, f"{len(wrong)} rows: {wrong[:3]}")
    log = ca.signatures()
    serials = [line["serial"].lower() for line in log]
    good &= report.check(f"{label}no serial has two signatures", len(serials) == len(set(serials)))
    recorded = {row[0].removeprefix("\\x"): row[1].removeprefix("\\x")
                for row in ca.sql("SELECT id, tbs_sha256 FROM certificates")}
    strange = [line["serial"] for line in log
               if recorded.get(line["serial"].lower()) != line["tbs_sha256"].lower()]
    good &= report.check(f"{label}the signer's log is a subset of the database", not strange,
                         f"{strange[:3]}")
    issued = {row[0].removeprefix("\\x")
              for row in ca.sql("SELECT id FROM certificates WHERE status = 'issued'")}
    good &= report.check(f"{label}every issued certificate is in the signer's log",
                         issued <= set(serials))
    return good
