-- A small shop with people in it. Nobody here is real: the addresses are example.com's, and numbers that begin with 900
-- are never given out.

CREATE TABLE customers (
  id     integer PRIMARY KEY,
  name   text NOT NULL,
  email  text NOT NULL UNIQUE,
  ssn    text NOT NULL,
  since  date NOT NULL
);

INSERT INTO customers VALUES
  (1, 'Ada Quill',      'ada.quill@example.com',      '900-41-7731', '2019-02-11'),
  (2, 'Bruno Castel',   'bruno@castel.example.com',   '900-22-0914', '2019-07-30'),
  (3, 'Chidi Okafor',   'chidi.okafor@example.com',   '900-63-5520', '2020-01-05'),
  (4, 'Dagny Holm',     'dagny@holm.example.com',     '900-17-3308', '2021-03-19'),
  (5, 'Emi Tanaka',     'emi.tanaka@example.com',     '900-85-1462', '2022-11-02'),
  (6, 'Farid Mansour',  'farid.mansour@example.com',  '900-09-6617', '2023-05-24'),
  (7, 'Greta Lindqvist','greta@lindqvist.example.com','900-54-2093', '2024-08-13'),
  (8, 'Hugo Barreto',   'hugo.barreto@example.com',   '900-36-7845', '2025-10-01');

CREATE TABLE orders (
  id          integer PRIMARY KEY,
  customer_id integer NOT NULL REFERENCES customers,
  total       numeric(10, 2) NOT NULL,
  ordered     date NOT NULL
);

INSERT INTO orders
  SELECT n, 1 + n % 8, 5 + (n * 37 % 400) / 4.0, date '2026-01-01' + n
  FROM generate_series(1, 120) AS n;

-- What the job takes for rubbish. Some of these people are still shopping.
CREATE TABLE carts (
  id          integer PRIMARY KEY,
  customer_id integer NOT NULL REFERENCES customers,
  items       integer NOT NULL,
  touched     date NOT NULL
);

INSERT INTO carts
  SELECT n, 1 + n % 8, 1 + n % 5, date '2026-11-22' - n * 9
  FROM generate_series(1, 25) AS n;

-- What the job takes for unused.
CREATE TABLE loyalty_points (
  customer_id integer PRIMARY KEY REFERENCES customers,
  points      integer NOT NULL
);

INSERT INTO loyalty_points SELECT id, id * 120 FROM customers;

ANALYZE;
