-- SPDX-License-Identifier: Apache-2.0
-- The core's tables (RFC 8555 section 7.1).
--
-- Ids are 20 octets: 4 of big-endian minutes since the epoch, 16 random.  Growing tables are
-- partitioned by them, month by month, so that a look-up by id is one index probe and cleaning is
-- dropping a partition.  There are no foreign keys between growing tables: a partition that is
-- referenced could not be detached.  Time always comes as a parameter, never from now().

CREATE DOMAIN chy_id AS bytea CHECK (octet_length(VALUE) = 20);
CREATE DOMAIN chy_digest AS bytea CHECK (octet_length(VALUE) = 32);

-- What must be unique across time is in small unpartitioned tables.
CREATE TABLE accounts (
    id           chy_id PRIMARY KEY,
    thumbprint   chy_digest NOT NULL UNIQUE,        -- RFC 7638; one key, one account, for ever
    spki_sha256  chy_digest NOT NULL UNIQUE,        -- to refuse certificates for account keys
    jwk          jsonb NOT NULL,                    -- canonical public key
    status       text NOT NULL CHECK (status IN ('valid', 'deactivated', 'revoked')),
    contact      jsonb NOT NULL,
    terms_agreed text,                              -- URL of the terms that were agreed to
    terms_at     timestamptz,
    created_at   timestamptz NOT NULL
);

CREATE TABLE orders (
    id             chy_id NOT NULL,
    account_id     chy_id NOT NULL,
    status         text NOT NULL,                   -- RFC 8555 section 7.1.6, and what modules add
    expires        timestamptz NOT NULL,
    profile        text NOT NULL,
    identifiers    jsonb NOT NULL,                  -- [{"type","value"[,"shown"]}], sorted, distinct
    authorizations bytea[] NOT NULL,                -- immutable
    unproved       integer NOT NULL CHECK (unproved >= 0), -- authorizations not yet valid
    not_before     timestamptz,
    not_after      timestamptz,
    error          jsonb,
    csr            bytea,
    certificate    bytea,                           -- the record being signed, or signed
    policy         text NOT NULL,                   -- revision that allowed the order
    ext            jsonb NOT NULL,                  -- module name -> its members
    due_at         timestamptz,                     -- processing: when a worker looks at it
    PRIMARY KEY (id),
    CHECK (status <> 'valid' OR certificate IS NOT NULL)
) PARTITION BY RANGE (id);
-- Partial by due_at, not by status: a statement that names an order and its status must not find
-- this index the cheaper one while tables are small.
CREATE INDEX orders_due ON orders (due_at) WHERE due_at IS NOT NULL;

CREATE TABLE authorizations (
    id           chy_id NOT NULL,
    account_id   chy_id NOT NULL,
    ident_type   text NOT NULL,
    ident_value  text NOT NULL,
    ident_sha256 chy_digest NOT NULL,               -- of type, NUL, value: values may be long
    wildcard     boolean NOT NULL,
    status       text NOT NULL CHECK (status IN
                     ('pending', 'valid', 'invalid', 'deactivated', 'expired', 'revoked')),
    expires      timestamptz NOT NULL,
    attempting   smallint,                          -- the challenge being validated
    method       text,                              -- challenge type that proved it
    grant_facts  jsonb,                             -- what validation learned
    granted_at   timestamptz,
    policy       text NOT NULL,
    PRIMARY KEY (id),
    CHECK (status <> 'valid' OR (grant_facts IS NOT NULL AND granted_at IS NOT NULL))
) PARTITION BY RANGE (id);
CREATE INDEX authorizations_reuse ON authorizations (account_id, ident_sha256)
    WHERE status = 'valid';

CREATE TABLE order_authorizations (                 -- which orders wait for an authorization
    authorization_id chy_id NOT NULL,
    order_id         chy_id NOT NULL,
    PRIMARY KEY (authorization_id, order_id)
) PARTITION BY RANGE (authorization_id);

CREATE TABLE challenges (
    authorization_id  chy_id NOT NULL,
    n                 smallint NOT NULL,
    account_id        chy_id NOT NULL,
    type              text NOT NULL,
    status            text NOT NULL CHECK (status IN ('pending', 'processing', 'valid', 'invalid')),
    shown             jsonb NOT NULL,
    secret            jsonb NOT NULL,
    response          jsonb,
    key_authorization text,                         -- fixed when the response came
    lookup_key        text,
    deadline          timestamptz NOT NULL,
    validated         timestamptz,
    error             jsonb,
    attempts          integer NOT NULL DEFAULT 0,   -- probes that failed
    stepped           boolean NOT NULL DEFAULT false, -- its module has seen the start
    claims            integer NOT NULL DEFAULT 0,   -- since the last verdict
    due_at            timestamptz,                  -- processing: when a worker looks at it
    claim             bytea,                        -- whose lease it is, while it is in hands
    PRIMARY KEY (authorization_id, n)
) PARTITION BY RANGE (authorization_id);
CREATE INDEX challenges_due ON challenges (due_at) WHERE due_at IS NOT NULL; -- see orders_due
CREATE INDEX challenges_running ON challenges (account_id)
    WHERE due_at IS NOT NULL AND claim IS NOT NULL;

-- A certificate's serial is its id.  The row is there before the signature is.
CREATE TABLE certificates (
    id          chy_id NOT NULL,
    order_id    chy_id NOT NULL,
    account_id  chy_id NOT NULL,
    status      text NOT NULL CHECK (status IN
                    ('recorded', 'issued',
                     'lost',                        -- perhaps signed, never stored: revoked
                     'void')),                      -- certainly never signed
    profile     text NOT NULL,
    issuer      text NOT NULL,
    policy      text NOT NULL,                      -- revision that allowed it
    names       jsonb NOT NULL,
    spki_sha256 chy_digest NOT NULL,
    tbs_sha256  chy_digest NOT NULL,                -- what was sent to the signer
    not_before  timestamptz NOT NULL,
    not_after   timestamptz NOT NULL,
    der         bytea,
    chain       bytea,                              -- chains.sha256
    recorded_at timestamptz NOT NULL,
    issued_at   timestamptz,
    PRIMARY KEY (id),
    CHECK ((status = 'issued') = (der IS NOT NULL))
) PARTITION BY RANGE (id);
CREATE INDEX certificates_order ON certificates (order_id);

CREATE TABLE chains (
    sha256 chy_digest PRIMARY KEY,
    pem    text NOT NULL
);

CREATE TABLE revocations (
    serial     chy_id PRIMARY KEY,
    issuer     text NOT NULL,
    reason     smallint NOT NULL,
    revoked_at timestamptz NOT NULL,
    not_after  timestamptz NOT NULL
);

-- What an auditor asks for, in the transaction that did it: accounts made and changed, orders made
-- and failed, authorizations proved and refused, certificates recorded and issued.
CREATE TABLE events (
    id         chy_id NOT NULL,
    at         timestamptz NOT NULL,
    kind       text NOT NULL,
    account_id chy_id,
    subject    bytea NOT NULL,
    policy     text,
    detail     jsonb,
    PRIMARY KEY (id)
) PARTITION BY RANGE (id);

-- Nonces: the key lives in an UNLOGGED table beside the list of spent ones, so that a crash of the
-- database voids both together and no spent nonce comes back.
CREATE UNLOGGED TABLE nonce_key (
    one   boolean PRIMARY KEY DEFAULT true CHECK (one),
    epoch integer NOT NULL,
    key   chy_digest NOT NULL,
    swept bigint NOT NULL DEFAULT 0                 -- nonces made in an earlier quarter are refused
);

-- A quarter is 15 minutes, counted from the epoch by the nonce's own time; its slot is quarter % 8.
-- A nonce lives 60 minutes, so that five slots hold live ones, and chy_sweep_nonces empties one.
CREATE UNLOGGED TABLE nonces_spent (
    slot    smallint NOT NULL,
    nonce   bytea NOT NULL,
    request bytea NOT NULL,                         -- the same request sent again is no replay
    PRIMARY KEY (slot, nonce)
) PARTITION BY LIST (slot);
DO $$
BEGIN
    FOR slot IN 0..7 LOOP
        EXECUTE format('CREATE UNLOGGED TABLE nonces_spent_%s PARTITION OF nonces_spent FOR VALUES IN (%s)',
                       slot, slot);
    END LOOP;
END $$;

-- The first id of t's minute: where a partition begins.
CREATE FUNCTION chy_first_id(t timestamptz) RETURNS bytea LANGUAGE sql IMMUTABLE AS $$
    SELECT decode(lpad(to_hex(floor(extract(epoch FROM t) / 60)::bigint), 8, '0') ||
                  repeat('00', 16), 'hex')
$$;

-- Monthly partitions of one growing table, from the month before t to 13 months after it.  Run at
-- every start and by a worker every minute, so it locks nothing while all are there; and what it does
-- make it attaches, since CREATE TABLE ... PARTITION OF would lock out every reader of the table.
-- SECURITY DEFINER because services may not create tables.
CREATE FUNCTION chy_make_partitions(parent text, t timestamptz) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    month timestamp;
    name  text;
    made  integer := 0;
BEGIN
    IF parent NOT IN ('orders', 'authorizations', 'order_authorizations', 'challenges',
                      'certificates', 'events') THEN
        RAISE EXCEPTION '% is no growing table', parent;
    END IF;
    FOR i IN -1..13 LOOP
        month := date_trunc('month', t AT TIME ZONE 'UTC') + make_interval(months => i);
        name := parent || to_char(month, '_YYYY_MM');
        CONTINUE WHEN to_regclass(name) IS NOT NULL;
        PERFORM pg_advisory_xact_lock(4341690);
        -- Made by whoever had the lock before?  to_regclass would answer from this session's cache.
        CONTINUE WHEN EXISTS (SELECT FROM pg_class c WHERE c.relname = name
                              AND c.relnamespace = 'public'::regnamespace);
        EXECUTE format('CREATE TABLE %I (LIKE %I INCLUDING ALL)', name, parent);
        EXECUTE format('ALTER TABLE %I ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)', parent,
                       name, chy_first_id(month AT TIME ZONE 'UTC'),
                       chy_first_id((month + interval '1 month') AT TIME ZONE 'UTC'));
        made := made + 1;
    END LOOP;
    RETURN made;
END $$;

-- Raise nonce_key.swept to the oldest quarter that may hold a live nonce, and empty the slot that is
-- furthest from all live ones: of the quarter six before the current, which is two after it too.
-- Whose clock is wrong?  A quarter begins when both the caller and the database say so; swept only
-- rises, and a nonce from before it is refused whatever a front's clock says.  What is emptied was
-- refused already when this began, so that no statement under way can find its place empty.  After a
-- pause a slot may wait for its next turn, two hours later.  Returns how many slots were emptied.
CREATE FUNCTION chy_sweep_nonces(t timestamptz) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp SET lock_timeout = '2s' AS $$
DECLARE
    oldest bigint := floor(extract(epoch FROM least(t, clock_timestamp())) / 900)::bigint - 4;
    slot   integer := (oldest - 2) % 8;
    filled boolean;
BEGIN
    UPDATE nonce_key SET swept = oldest - 1 WHERE swept < oldest - 1;
    IF FOUND THEN
        RETURN 0;
    END IF;
    UPDATE nonce_key SET swept = oldest WHERE swept = oldest - 1;
    IF NOT FOUND THEN
        RETURN 0;
    END IF;
    EXECUTE format('SELECT EXISTS (SELECT 1 FROM nonces_spent_%s)', slot) INTO filled;
    IF NOT filled THEN
        RETURN 0;
    END IF;
    EXECUTE format('TRUNCATE nonces_spent_%s', slot);
    RETURN 1;
END $$;
