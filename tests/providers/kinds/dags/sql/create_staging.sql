-- {{ dag.dag_id }} for {{ ds }}
DROP TABLE IF EXISTS staging;
CREATE TABLE staging (id INTEGER, day TEXT, amount NUMERIC);
CREATE TABLE IF NOT EXISTS daily (day TEXT, amount NUMERIC);
