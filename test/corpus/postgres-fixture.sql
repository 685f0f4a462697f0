-- Roles that the fixture speaks of.
CREATE ROLE app_ro;
-- Fixture database used to check every PostgreSQL case by execution.
CREATE EXTENSION dblink; CREATE EXTENSION pgcrypto; CREATE EXTENSION lo; CREATE EXTENSION postgres_fdw;
-- PostgreSQL 17 and later have no adminpack.
DO $$ BEGIN IF EXISTS (SELECT FROM pg_available_extensions WHERE name = 'adminpack') THEN CREATE EXTENSION adminpack; END IF; END $$;
CREATE EXTENSION file_fdw; CREATE EXTENSION tablefunc; CREATE EXTENSION xml2;
CREATE EXTENSION hstore; CREATE EXTENSION pageinspect; CREATE EXTENSION pg_surgery; CREATE EXTENSION pg_prewarm;
CREATE EXTENSION pg_trgm;
CREATE TABLE customers(id int PRIMARY KEY, name text, vname varchar(40), email text, ssn text, note text,
  drop_date date, deleted_at timestamptz, update_count int DEFAULT 0, prefs jsonb DEFAULT '{}');
INSERT INTO customers SELECT i,'name'||i,'v'||i,'u'||i||'@example.com','000-00-000'||i,'n',current_date,NULL,0,'{"a":1}'
  FROM generate_series(1,5) i;
CREATE TABLE orders(id int PRIMARY KEY, customer_id int, total numeric, status text, delete_reason text, truncated bool);
INSERT INTO orders SELECT i, i, i*10, CASE WHEN i%2=0 THEN 'DROP' ELSE 'new' END, NULL, false FROM generate_series(1,6) i;
CREATE TABLE staging(id int PRIMARY KEY, name text);
INSERT INTO staging VALUES (1,'s1'),(9,'s9');
CREATE TABLE audit(id serial, note text);
CREATE TABLE "update"(id int, "set" text); INSERT INTO "update" VALUES (1,'x');
CREATE TABLE "drop table"(id int);
CREATE TABLE grants(id int, "grant" text);
CREATE TABLE part(id int, k int) PARTITION BY LIST(k);
CREATE TABLE part_a PARTITION OF part FOR VALUES IN (1);
INSERT INTO part VALUES (1,1);
CREATE SEQUENCE s1; SELECT nextval('s1');
CREATE VIEW v_customers AS SELECT id,name,email FROM customers;
CREATE MATERIALIZED VIEW mv AS SELECT count(*) n FROM customers;
SELECT lo_from_bytea(424242, 'hello');
CREATE INDEX customers_name_i ON customers(name);

CREATE FUNCTION purge_customers() RETURNS int LANGUAGE plpgsql VOLATILE AS $$ BEGIN DELETE FROM customers; RETURN 1; END $$;
-- An IMMUTABLE label does not mean harmless: the inner call is volatile.
CREATE FUNCTION pure_looking(int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN PERFORM purge_customers(); RETURN $1; END $$;
CREATE FUNCTION purge_row(customers) RETURNS int LANGUAGE sql VOLATILE AS $$ WITH d AS (DELETE FROM orders RETURNING 1) SELECT count(*)::int FROM d $$;
CREATE FUNCTION purge_op(int,int) RETURNS bool LANGUAGE plpgsql AS $$ BEGIN DELETE FROM customers; RETURN true; END $$;
CREATE OPERATOR === (LEFTARG=int, RIGHTARG=int, FUNCTION=purge_op);
CREATE VIEW v_evil AS SELECT purge_customers() AS n;
CREATE FUNCTION dom_check(text) RETURNS bool LANGUAGE plpgsql AS $$ BEGIN DELETE FROM customers; RETURN true; END $$;
CREATE DOMAIN evil_dom AS text CHECK (dom_check(VALUE));
CREATE TYPE evil_t AS (a int);
CREATE FUNCTION evil_cast(evil_t) RETURNS int LANGUAGE plpgsql AS $$ BEGIN DELETE FROM customers; RETURN 1; END $$;
CREATE CAST (evil_t AS int) WITH FUNCTION evil_cast(evil_t);
CREATE FUNCTION agg_step(int,int) RETURNS int LANGUAGE plpgsql AS $$ BEGIN DELETE FROM staging; RETURN 1; END $$;
CREATE AGGREGATE nice_sum(int) (SFUNC=agg_step, STYPE=int, INITCOND='0');
CREATE PROCEDURE purge_proc() LANGUAGE plpgsql AS $$ BEGIN DELETE FROM customers; END $$;
-- A better-matching overload in public wins over pg_catalog.length(text) for varchar columns.
CREATE FUNCTION public.length(varchar) RETURNS int LANGUAGE plpgsql AS $$ BEGIN DELETE FROM staging; RETURN 1; END $$;
CREATE SCHEMA attacker;
CREATE FUNCTION attacker.lower(text) RETURNS text LANGUAGE plpgsql AS $$ BEGIN DELETE FROM public.staging; RETURN $1; END $$;
CREATE TABLE attacker.customers(id int, name text); INSERT INTO attacker.customers VALUES (1,'x');
CREATE VIEW v_rule AS SELECT 1 AS id;
CREATE RULE r_upd AS ON UPDATE TO v_rule DO INSTEAD DELETE FROM customers;
CREATE TABLE inbox(id int);
CREATE RULE r_ins AS ON INSERT TO inbox DO ALSO DELETE FROM customers;
CREATE FUNCTION trg_f() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN DELETE FROM customers; RETURN NEW; END $$;
CREATE TABLE trg_t(id int); CREATE TRIGGER trg_before BEFORE INSERT ON trg_t FOR EACH ROW EXECUTE FUNCTION trg_f();
CREATE TABLE rls_t(id int); INSERT INTO rls_t VALUES (1); ALTER TABLE rls_t ENABLE ROW LEVEL SECURITY; ALTER TABLE rls_t FORCE ROW LEVEL SECURITY;
CREATE FUNCTION rls_f() RETURNS bool LANGUAGE plpgsql SECURITY DEFINER AS $$ BEGIN DELETE FROM customers; RETURN true; END $$;
CREATE POLICY p_rls ON rls_t USING (rls_f());
CREATE FUNCTION safe_add(int,int) RETURNS int LANGUAGE sql IMMUTABLE AS $$ SELECT $1+$2 $$;
CREATE FUNCTION step1() RETURNS text LANGUAGE sql AS $$ SELECT set_config('default_transaction_read_only','off',false) $$;
CREATE VIEW v_step1 AS SELECT step1() AS a;
CREATE PUBLICATION pub1 FOR TABLE customers;
GRANT SELECT ON rls_t, customers, v_evil, v_customers TO app_ro;
GRANT USAGE ON SCHEMA attacker TO app_ro;
