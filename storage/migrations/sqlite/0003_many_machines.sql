-- Several machines share a PostgreSQL; one process shares nothing, so there is nothing to keep here.

UPDATE schema SET version = 3;
